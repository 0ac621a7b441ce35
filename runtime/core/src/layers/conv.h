/* What the files of convolutions share. */
#ifndef EL_CONV_H
#define EL_CONV_H

#include "padding.h"

typedef struct el_conv {
    el_matrix matrix; /* taps · channels columns; with groups, no blocks: see conv.c */
    el_padding padding;
    uint32_t taps;
    uint32_t stride;
    uint32_t dilation;
    uint32_t groups;
} el_conv;

EL_RECORD(el_conv)

#endif
