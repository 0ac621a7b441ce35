/* A piece forward, judged and back in one go, in memory of the thread that does it: what it left in
 * the caches is still there on the way back, and the next piece writes over it. */
#ifndef EL_LEARN_H
#define EL_LEARN_H

#include "network.h"

static void judge_piece(const el_network *net, struct piece *piece, const float *scores) {
    const struct layer *last = &net->layers[net->count - 1];
    const size_t n = piece->sequences, runs = piece->frames / net->stride;
    float *dscores = piece_dscores(net, piece);
    memset(dscores, 0, runs * n * last->row * sizeof *dscores);
    piece->loss = 0;
    for (size_t s = 0; s < n; s++)
        piece->loss +=
            judge(&net->objective, &(struct judged){.outputs = last->outputs,
                                                    .row = n * last->row,
                                                    .scores = scores + s * last->row,
                                                    .dscores = dscores + s * last->row,
                                                    .work = piece->memory + net->piece_size -
                                                            padded(judging_size(last->outputs)),
                                                    .sequence = piece->first + s,
                                                    .all = net->batch.sequences});
}

static void learn_piece(void *context, size_t number) {
    const el_network *net = context;
    struct piece *piece = &net->pieces[number];
    piece->memory = piece_memory(net, el_worker());
    judge_piece(net, piece, pass_forward(net, piece));
    pass_backward(net, piece);
}

static int network_learn(el_network *net, const float *const *weights, const struct el_batch *batch,
                         const struct el_objective *objective, float *const *gradients,
                         double *loss, size_t threads) {
    net->batch = *batch;
    net->weights = weights;
    net->objective = *objective;
    net->gradients = gradients;
    if (!cut(net, threads))
        return -1;
    el_share(net->count, threads, pack_layer, net);
    el_share(net->piece_count, threads, learn_piece, net);
    el_share(all_blocks(net), threads, gather, net);
    *loss = 0;
    for (size_t n = 0; n < net->piece_count; n++)
        *loss += net->pieces[n].loss;
    return 0;
}

#endif
