/* A frame for several streams of a pool at once. */
#ifndef EL_TURN_H
#define EL_TURN_H

#include "layer.h"

struct el_turn {
    const el_model *model;
    uint8_t *streams; /* stream_size bytes each */
    size_t stream_size;
    size_t count;
    const uint8_t *mask; /* 0 for a stream that has no frame; null = all have one */
};

/* The next stream from index *n on for which `layer` is due; moves *n behind it. Null for none. */
static inline el_stream *el_turn_next(const el_turn *turn, const el_layer *layer, size_t *n) {
    while (*n < turn->count) {
        size_t index = (*n)++;
        el_stream *stream = (void *)(turn->streams + index * turn->stream_size);
        if ((turn->mask == NULL || turn->mask[index] != 0) &&
            el_layer_is_due(layer, stream->frames))
            return stream;
    }
    return NULL;
}

#endif
