/* The table of kinds. A new one is a file beside this one and a line here. */
#ifndef EL_KINDS_H
#define EL_KINDS_H

#include "context.h"
#include "conv.h"
#include "gru.h"
#include "layer_norm.h"
#include "lstm.h"

static const struct kind *const kinds[] = {
    &lstm_kind, &gru_kind, &context_kind, &conv_kind, &dense_kind, &layer_norm_kind,
};

/* The number of a kind in `el_sizes`; -1 for one that is not there. */
static int kind_number(const char *name) {
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
        if (strcmp(kinds[n]->name, name) == 0)
            return (int)n;
    return -1;
}

static inline const struct kind *kind_of(const struct layer *layer) {
    return kinds[layer->sizes.kind];
}

#endif
