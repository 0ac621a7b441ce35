/* Layers one after the other, and their memory for the pieces of a batch. */
#ifndef EL_NETWORK_H
#define EL_NETWORK_H

#include "kinds.h"
#include "pool.h"

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

/* Of a layer in a piece: where its arrays begin, in floats from the piece's memory. */
struct places {
    size_t tape, dropped, dresult, gradients, scratch;
};

struct piece {
    size_t first, sequences, frames;
    float *memory;
    const float *x; /* (frames, sequences, row_size(features)) */
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
    size_t piece_size;
    /* Of the batch at hand; arrays by layer, by weights or by part of a state. */
    struct el_batch batch;
    struct el_array scores, dscores;
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

/* Where everything is in a piece of `sequences` and `frames`; the floats of it. */
static size_t place_arrays(el_network *net, size_t sequences, size_t frames) {
    size_t at = frames * sequences * net->layers[0].input_row + SLACK, runs = frames;
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
        places->gradients = at;
        at += layer->gradients + SLACK;
        places->scratch = at;
        at += kind_of(layer)->scratch(layer, runs, sequences) + SLACK;
    }
    return (at + LANES - 1) / LANES * LANES;
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

/* Cut the batch into pieces, by its size alone, and see to memory for them. */
static bool cut(el_network *net) {
    const size_t all = net->batch.sequences;
    size_t most = (all + USUAL_PIECES - 1) / USUAL_PIECES;
    most = most < FEW_SEQUENCES ? FEW_SEQUENCES : most > MOST_SEQUENCES ? MOST_SEQUENCES : most;
    const size_t count = (all + most - 1) / most;
    net->piece_size = place_arrays(net, (all + count - 1) / count, net->batch.frames);
    if (net->piece_size * count > net->room) {
        free(net->memory);
        net->room = 0;
        net->memory = floats(net->piece_size * count);
        if (!net->memory)
            return false;
        net->room = net->piece_size * count;
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
        float *memory = net->memory + n * net->piece_size;
        net->pieces[n] =
            (struct piece){first, end - first, piece_frames(net, first, end), memory, memory};
    }
    return true;
}

/* The piece's frames, sequence by sequence, with zeros up to whole vectors. */
static void take_frames(const el_network *net, const struct piece *piece, float *to) {
    const struct el_array x = net->batch.x;
    const size_t row = net->layers[0].input_row;
    for (size_t t = 0; t < piece->frames; t++)
        for (size_t s = 0; s < piece->sequences; s++, to += row) {
            const float *from =
                x.data + (ptrdiff_t)t * x.frame + (ptrdiff_t)(piece->first + s) * x.sequence;
            if (x.value == 1)
                memcpy(to, from, net->features * sizeof *to);
            else
                for (size_t v = 0; v < net->features; v++)
                    to[v] = from[(ptrdiff_t)v * x.value];
            memset(to + net->features, 0, (row - net->features) * sizeof *to);
        }
}

/* result · drop, by value and sequence, into `to`: all of its rows' floats. */
static void drop(const el_network *net, const struct piece *piece, size_t n, size_t runs,
                 const float *from, float *to) {
    const struct layer *layer = &net->layers[n];
    const float *factors = net->batch.drops[n] + piece->first;
    for (size_t row = 0; row < runs * piece->sequences; row++) {
        const size_t s = row % piece->sequences;
        for (size_t v = 0; v < layer->outputs; v++)
            to[row * layer->row + v] =
                from[row * layer->row + v] * factors[v * net->batch.sequences + s];
        for (size_t v = layer->outputs; v < layer->row; v++)
            to[row * layer->row + v] = 0;
    }
}

static bool dropping(const el_network *net, size_t n) {
    return net->batch.drops && net->batch.drops[n];
}

static struct run run_of(const el_network *net, const struct piece *piece, size_t n, const float *x,
                         size_t runs, int64_t *ends) {
    const struct layer *layer = &net->layers[n];
    const struct places *places = &net->places[n];
    struct run run = {.sequences = piece->sequences,
                      .runs = runs,
                      .x = x,
                      .first = piece->first,
                      .all = net->batch.sequences,
                      .ends = ends};
    run.tape = piece->memory + places->tape;
    run.result = run.tape + kind_of(layer)->result(layer, runs, piece->sequences);
    run.dresult = piece->memory + places->dresult;
    run.gradients = piece->memory + places->gradients;
    run.scratch = piece->memory + places->scratch;
    for (size_t part = 0; part < layer->parts; part++) {
        const size_t at = parts_before(net, n) + part;
        run.before[part] = net->batch.before ? net->batch.before[at] : NULL;
        run.after[part] = net->batch.after ? net->batch.after[at] : NULL;
    }
    return run;
}

static void give_scores(const el_network *net, const struct piece *piece, const float *from,
                        size_t runs) {
    const struct layer *last = &net->layers[net->count - 1];
    const struct el_array to = net->scores;
    for (size_t t = 0; t < net->batch.frames / net->stride; t++)
        for (size_t s = 0; s < piece->sequences; s++) {
            float *at =
                to.data + (ptrdiff_t)t * to.frame + (ptrdiff_t)(piece->first + s) * to.sequence;
            const float *row = from + (t * piece->sequences + s) * last->row;
            for (size_t v = 0; v < last->outputs; v++)
                at[(ptrdiff_t)v * to.value] = t < runs ? row[v] : 0.0f;
        }
}

static void forward_piece(void *context, size_t number) {
    const el_network *net = context;
    const struct piece *piece = &net->pieces[number];
    take_frames(net, piece, piece->memory);
    const float *x = piece->x;
    size_t runs = piece->frames;
    int64_t ends[MOST_SEQUENCES];
    for (size_t s = 0; s < piece->sequences; s++)
        ends[s] =
            net->batch.lengths ? net->batch.lengths[piece->first + s] : (int64_t)net->batch.frames;
    for (size_t n = 0; n < net->count; n++) {
        const struct layer *layer = &net->layers[n];
        runs /= layer->hop;
        for (size_t s = 0; s < piece->sequences; s++)
            ends[s] /= (int64_t)layer->hop;
        const struct run run = run_of(net, piece, n, x, runs, ends);
        kind_of(layer)->forward(layer, packed_of(net, n), &run);
        x = run.result;
        if (dropping(net, n)) {
            float *dropped = piece->memory + net->places[n].dropped;
            drop(net, piece, n, runs, x, dropped);
            x = dropped;
        }
    }
    give_scores(net, piece, x, runs);
}

/* Sequences' gradients by the scores, into the last layer's. */
static void take_dscores(const el_network *net, const struct piece *piece, size_t runs, float *to) {
    const struct layer *last = &net->layers[net->count - 1];
    const struct el_array from = net->dscores;
    for (size_t t = 0; t < runs; t++)
        for (size_t s = 0; s < piece->sequences; s++, to += last->row) {
            const float *at = from.data + (ptrdiff_t)t * from.frame +
                              (ptrdiff_t)(piece->first + s) * from.sequence;
            for (size_t v = 0; v < last->outputs; v++)
                to[v] = at[(ptrdiff_t)v * from.value];
            memset(to + last->outputs, 0, (last->row - last->outputs) * sizeof *to);
        }
}

/* What layer n took in a piece. */
static const float *input_of(const el_network *net, const struct piece *piece, size_t n,
                             size_t runs) {
    if (!n)
        return piece->x;
    const struct layer *before = &net->layers[n - 1];
    const struct places *places = &net->places[n - 1];
    if (dropping(net, n - 1))
        return piece->memory + places->dropped;
    return piece->memory + places->tape + kind_of(before)->result(before, runs, piece->sequences);
}

static void backward_piece(void *context, size_t number) {
    const el_network *net = context;
    const struct piece *piece = &net->pieces[number];
    size_t runs = piece->frames / net->stride;
    take_dscores(net, piece, runs, piece->memory + net->places[net->count - 1].dresult);
    for (size_t n = net->count; n-- > net->first_learning;) {
        const struct layer *layer = &net->layers[n];
        struct run run =
            run_of(net, piece, n, input_of(net, piece, n, runs * layer->hop), runs, NULL);
        if (dropping(net, n))
            drop(net, piece, n, runs, run.dresult, run.dresult);
        if (n > net->first_learning)
            run.dx = piece->memory + net->places[n - 1].dresult;
        kind_of(layer)->backward(layer, packed_of(net, n), &run);
        runs *= layer->hop;
    }
}

static void pack_layer(void *context, size_t n) {
    const el_network *net = context;
    const struct layer *layer = &net->layers[n];
    if (kind_of(layer)->pack)
        kind_of(layer)->pack(layer, net->weights + arrays_before(net, n), packed_of(net, n));
}

/* The pieces' gradients of a layer added in their order, to where the caller wants them. */
static void gather(void *context, size_t n) {
    const el_network *net = context;
    const struct layer *layer = &net->layers[n];
    for (size_t b = 0; b < layer->blocks; b++) {
        const struct block *block = &layer->block[b];
        float *to = net->gradients[arrays_before(net, n) + block->array] + block->offset;
        for (size_t row = 0; row < block->rows; row++, to += block->columns)
            for (size_t p = 0; p < net->piece_count; p++) {
                const float *from =
                    net->pieces[p].memory + net->places[n].gradients + block->at + row * block->row;
                for (size_t v = 0; v < block->columns; v++)
                    to[v] = p ? to[v] + from[v] : from[v];
            }
    }
}

static int network_forward(el_network *net, const float *const *weights,
                           const struct el_batch *batch, const struct el_array *scores,
                           size_t threads) {
    net->batch = *batch;
    net->weights = weights;
    net->scores = *scores;
    if (!cut(net))
        return -1;
    el_share(net->count, threads, pack_layer, net);
    el_share(net->piece_count, threads, forward_piece, net);
    return 0;
}

static void network_backward(el_network *net, const struct el_array *dscores,
                             float *const *gradients, size_t threads) {
    net->dscores = *dscores;
    net->gradients = gradients;
    el_share(net->piece_count, threads, backward_piece, net);
    el_share(net->count, threads, gather, net);
}

#endif
