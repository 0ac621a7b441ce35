/* Layers one after the other, and their memory for the pieces of a batch. */
#ifndef EL_PIECES_H
#define EL_PIECES_H

#include "kinds.h"
#include "objective.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    MOST_SEQUENCES = 16, /* of a piece: so many share what is read of the weights */
    FEW_SEQUENCES = 8,
    USUAL_PIECES = 4,  /* so many where that leaves pieces of FEW_SEQUENCES or more */
    SLACK = 2 * LANES, /* floats between arrays: products read and write whole vectors */
    ALIGNMENT = 64,
    LARGE_PAGE = 1 << 21,
    LARGE = 2 * LARGE_PAGE, /* bytes from which on so much may be left over */
};

/* Of a layer in a piece: where its arrays begin, in floats from the piece's memory, and from its
 * gradients. */
struct places {
    size_t tape, dropped, dresult, scratch, gradients;
};

struct piece {
    size_t first, sequences, frames;
    float *memory;    /* begins with its frames (frames, sequences, row_size(features)) */
    float *gradients; /* of all layers */
    double loss;
};

struct el_network {
    size_t count;
    size_t features, stride;
    struct layer *layers;
    float *packed; /* of all layers */
    float *memory; /* of all pieces */
    size_t room;   /* floats there */
    struct piece *pieces;
    size_t piece_count;
    struct places *places; /* of the layers, the same in all pieces */
    size_t piece_size, gradients_size;
    /* Of the batch at hand; arrays by layer, by weights or by part of a state. */
    struct el_batch batch;
    struct el_array scores, dscores;
    struct el_objective objective;
    const float *const *weights;
    float *const *gradients;
    size_t first_learning; /* the layer below which nothing is learned */
};

static void network_close(el_network *net) {
    if (!net)
        return;
    free(net->layers);
    free(net->packed);
    free(net->memory);
    free(net->pieces);
    free(net->places);
    free(net);
}

/* Large arrays lie in large pages where the system has them: products walk through many at a time.
 */
static float *floats(size_t count) {
    const size_t alignment = count * sizeof(float) < LARGE ? ALIGNMENT : LARGE_PAGE;
    const size_t size = (count * sizeof(float) + alignment - 1) / alignment * alignment;
    float *found = aligned_alloc(alignment, size);
#if defined(MADV_HUGEPAGE)
    if (found && alignment == LARGE_PAGE)
        madvise(found, size, MADV_HUGEPAGE); /* as a wish */
#endif
    return found;
}

static void network_plan(el_network *net, const struct el_sizes *sizes) {
    size_t row = 0;
    net->stride = 1;
    net->features = (size_t)sizes[0].rows * sizes[0].channels;
    net->first_learning = net->count;
    for (size_t n = 0; n < net->count; n++) {
        struct layer *layer = &net->layers[n];
        layer->sizes = sizes[n];
        layer->inputs = (size_t)sizes[n].rows * sizes[n].channels;
        layer->input_row = n ? row : row_size(layer->inputs);
        layer->outputs = sizes[n].units;
        kind_of(layer)->plan(layer);
        row = layer->row;
        net->stride *= layer->hop;
        if (layer->arrays && net->first_learning == net->count)
            net->first_learning = n;
    }
}

static el_network *network_open(const struct el_sizes *sizes, size_t count) {
    el_network *net = calloc(1, sizeof *net);
    if (!net)
        return NULL;
    net->count = count;
    net->layers = calloc(count, sizeof *net->layers);
    net->places = calloc(count, sizeof *net->places);
    if (net->layers && net->places) {
        network_plan(net, sizes);
        size_t packed = 0;
        for (size_t n = 0; n < count; n++)
            packed += net->layers[n].packed + LANES;
        net->packed = floats(packed);
        if (net->packed) /* what pads weights is never written */
            memset(net->packed, 0, packed * sizeof *net->packed);
    }
    if (net->packed)
        return net;
    network_close(net);
    return NULL;
}

static float *packed_of(const el_network *net, size_t layer) {
    float *at = net->packed;
    for (size_t n = 0; n < layer; n++)
        at += net->layers[n].packed + LANES;
    return at;
}

static size_t arrays_before(const el_network *net, size_t layer) {
    size_t count = 0;
    for (size_t n = 0; n < layer; n++)
        count += net->layers[n].arrays;
    return count;
}

static size_t parts_before(const el_network *net, size_t layer) {
    size_t count = 0;
    for (size_t n = 0; n < layer; n++)
        count += net->layers[n].parts;
    return count;
}

/* Where everything is in a piece of `sequences` and `frames`, and how large that is. */
static void place_arrays(el_network *net, size_t sequences, size_t frames) {
    size_t at = frames * sequences * net->layers[0].input_row + SLACK, runs = frames;
    size_t gradients = 0;
    for (size_t n = 0; n < net->count; n++) {
        const struct layer *layer = &net->layers[n];
        struct places *places = &net->places[n];
        runs /= layer->hop;
        const size_t result = runs * sequences * layer->row + SLACK;
        places->tape = at;
        at += kind_of(layer)->tape(layer, runs, sequences) + SLACK;
        places->dropped = at;
        at += net->batch.drops && net->batch.drops[n] ? result : 0;
        places->dresult = at;
        at += result;
        places->scratch = at;
        at += kind_of(layer)->scratch(layer, runs, sequences) + SLACK;
        places->gradients = gradients;
        gradients += layer->gradients + SLACK;
    }
    net->piece_size = padded(at) + padded(judging_size(net->layers[net->count - 1].outputs));
    net->gradients_size = padded(gradients);
}

/* Behind the gradients of all pieces. */
static float *piece_memory(const el_network *net, size_t number) {
    return net->memory + net->piece_count * net->gradients_size + number * net->piece_size;
}

static size_t piece_frames(const el_network *net, size_t first, size_t end) {
    if (!net->batch.lengths)
        return net->batch.frames;
    size_t most = 1;
    for (size_t s = first; s < end; s++)
        if ((size_t)net->batch.lengths[s] > most)
            most = (size_t)net->batch.lengths[s];
    most = (most + net->stride - 1) / net->stride * net->stride;
    return most < net->batch.frames ? most : net->batch.frames;
}

/* Cut the batch into pieces, by its size alone, and see to memory for `together` of them at a time.
 */
static bool cut(el_network *net, size_t together) {
    const size_t all = net->batch.sequences;
    size_t most = (all + USUAL_PIECES - 1) / USUAL_PIECES;
    most = most < FEW_SEQUENCES ? FEW_SEQUENCES : most > MOST_SEQUENCES ? MOST_SEQUENCES : most;
    const size_t count = (all + most - 1) / most;
    place_arrays(net, (all + count - 1) / count, net->batch.frames);
    together = together < count ? together : count;
    const size_t room = net->gradients_size * count + net->piece_size * together;
    if (room > net->room) {
        free(net->memory);
        net->room = 0;
        net->memory = floats(room);
        if (!net->memory)
            return false;
        net->room = room;
    }
    if (count > net->piece_count) {
        struct piece *pieces = realloc(net->pieces, count * sizeof *pieces);
        if (!pieces)
            return false;
        net->pieces = pieces;
    }
    net->piece_count = count;
    for (size_t n = 0; n < count; n++) {
        const size_t first = all * n / count, end = all * (n + 1) / count;
        net->pieces[n] = (struct piece){.first = first,
                                        .sequences = end - first,
                                        .frames = piece_frames(net, first, end),
                                        .memory = piece_memory(net, n % together),
                                        .gradients = net->memory + n * net->gradients_size};
    }
    return true;
}

#endif
