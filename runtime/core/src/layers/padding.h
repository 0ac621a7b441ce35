/* Rows beside those of a frame. */
#ifndef EL_LAYER_PADDING_H
#define EL_LAYER_PADDING_H

#include "layer.h"

/* What lies beside the rows, or samples, of a frame. */
typedef struct el_padding {
    uint32_t before, after;
    bool mirror; /* the frame's own backwards, without its end; else zeros */
} el_padding;

/* Padding of a frame of `rows` rows as own[at], own[at + 1], own[at + 2] say: before, after, and
 * whether it is mirrored. */
static inline bool el_read_padding(const el_entry *entry, size_t at, uint32_t rows,
                                   el_padding *padding) {
    int32_t before = entry->own[at], after = entry->own[at + 1], mirror = entry->own[at + 2];
    if (before < 0 || before > EL_MAX_WIDTH || after < 0 || after > EL_MAX_WIDTH || mirror < 0 ||
        mirror > 1)
        return false;
    *padding = (el_padding){(uint32_t)before, (uint32_t)after, mirror == 1};
    return mirror == 0 || ((uint32_t)before < rows && (uint32_t)after < rows);
}

/* The row of the frame that stands at `row` of the padded one; -1 for zeros. */
static inline int32_t el_padded_row(const el_padding *padding, uint32_t rows, uint32_t row) {
    int32_t at = (int32_t)row - (int32_t)padding->before, last = (int32_t)rows - 1;
    if (at >= 0 && at <= last)
        return at;
    if (!padding->mirror)
        return -1;
    return at < 0 ? -at : 2 * last - at;
}

#endif
