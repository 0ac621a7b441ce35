/* A batch's way through all layers and back, piece by piece. */
#ifndef EL_NETWORK_H
#define EL_NETWORK_H

#include "pieces.h"
#include "pool.h"

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
    run.gradients = piece->gradients + places->gradients;
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

/* A piece's way through all layers: the last result, rows as long as the last layer's. */
static const float *pass_forward(const el_network *net, const struct piece *piece) {
    take_frames(net, piece, piece->memory);
    const float *x = piece->memory;
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
    return x;
}

static void forward_piece(void *context, size_t number) {
    const el_network *net = context;
    const struct piece *piece = &net->pieces[number];
    give_scores(net, piece, pass_forward(net, piece), piece->frames / net->stride);
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
        return piece->memory;
    const struct layer *before = &net->layers[n - 1];
    const struct places *places = &net->places[n - 1];
    if (dropping(net, n - 1))
        return piece->memory + places->dropped;
    return piece->memory + places->tape + kind_of(before)->result(before, runs, piece->sequences);
}

/* The last layer's gradient by its result. */
static float *piece_dscores(const el_network *net, const struct piece *piece) {
    return piece->memory + net->places[net->count - 1].dresult;
}

static void pass_backward(const el_network *net, const struct piece *piece) {
    size_t runs = piece->frames / net->stride;
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

static void backward_piece(void *context, size_t number) {
    const el_network *net = context;
    const struct piece *piece = &net->pieces[number];
    take_dscores(net, piece, piece->frames / net->stride, piece_dscores(net, piece));
    pass_backward(net, piece);
}

static void pack_layer(void *context, size_t n) {
    const el_network *net = context;
    const struct layer *layer = &net->layers[n];
    if (kind_of(layer)->pack)
        kind_of(layer)->pack(layer, net->weights + arrays_before(net, n), packed_of(net, n));
}

static size_t all_blocks(const el_network *net) {
    size_t count = 0;
    for (size_t n = 0; n < net->count; n++)
        count += net->layers[n].blocks;
    return count;
}

/* The pieces' gradients of a block added in their order, to where the caller wants them. */
static void gather(void *context, size_t number) {
    const el_network *net = context;
    size_t n = 0;
    for (; number >= net->layers[n].blocks; n++)
        number -= net->layers[n].blocks;
    const struct block *block = &net->layers[n].block[number];
    float *to = net->gradients[arrays_before(net, n) + block->array] + block->offset;
    for (size_t row = 0; row < block->rows; row++, to += block->columns)
        for (size_t p = 0; p < net->piece_count; p++) {
            const float *from =
                net->pieces[p].gradients + net->places[n].gradients + block->at + row * block->row;
            for (size_t v = 0; v < block->columns; v++)
                to[v] = p ? to[v] + from[v] : from[v];
        }
}

static int network_forward(el_network *net, const float *const *weights,
                           const struct el_batch *batch, const struct el_array *scores,
                           size_t threads) {
    net->batch = *batch;
    net->weights = weights;
    net->scores = *scores;
    if (!cut(net, SIZE_MAX))
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
    el_share(all_blocks(net), threads, gather, net);
}

#endif
