/* The table of kinds. */
#ifndef EL_KINDS_H
#define EL_KINDS_H

#include "context.h"
#include "conv.h"
#include "gru.h"
#include "layer_norm.h"
#include "lstm.h"

static const struct kind *const kinds[EL_KINDS] = {
    [EL_LSTM] = &lstm_kind, [EL_GRU] = &gru_kind,    [EL_CONTEXT] = &context_kind,
    [EL_CONV] = &conv_kind, [EL_DENSE] = &conv_kind, [EL_LAYER_NORM] = &layer_norm_kind,
};

static inline const struct kind *kind_of(const struct layer *layer) {
    return kinds[layer->sizes.kind];
}

#endif
