/* Layers of two results. */
#ifndef EL_JOINING_H
#define EL_JOINING_H

#include "floats.h"

/* For those that take a smaller second result, spread over the first: one row stands for all,
 * channels repeat. `options`: how many values own[0] may have. */
el_status el_check_spread(el_model *model, el_layer *layer, const el_entry *entry, int32_t options);

/* The second result's row for row `row` of the first. */
static inline const float *el_spread_row(const el_model *model, const el_layer *layer,
                                         const float *other, uint32_t row) {
    el_shape shape = el_other_shape(model, layer);
    return shape.rows == 1 ? other : other + (size_t)row * shape.channels;
}

#endif
