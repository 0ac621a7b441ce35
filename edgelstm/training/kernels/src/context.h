/* A context: the newest results side by side, after every `hop` of them. Nothing to learn.
 *
 * Tape: what it reads (rows - hop + runs · hop, sequences, input_row), which begins with what came
 * before; then the result (runs, sequences, row). */
#ifndef EL_CONTEXT_H
#define EL_CONTEXT_H

#include "layer.h"

static size_t context_kept(const struct layer *layer) {
    return layer->sizes.newest - layer->sizes.hop;
}

static void context_plan(struct layer *layer) {
    layer->rows = layer->sizes.newest;
    layer->outputs = layer->rows * layer->inputs;
    layer->row = row_size(layer->outputs);
    layer->hop = layer->sizes.hop;
    layer->parts = 1;
    layer->part_sizes[0] = context_kept(layer) * layer->inputs;
}

static size_t context_result(const struct layer *layer, size_t runs, size_t sequences) {
    return (context_kept(layer) + runs * layer->hop) * sequences * layer->input_row;
}

static size_t context_tape(const struct layer *layer, size_t runs, size_t sequences) {
    return context_result(layer, runs, sequences) + runs * sequences * layer->row;
}

static size_t context_scratch(const struct layer *layer, size_t runs, size_t sequences) {
    (void)layer, (void)runs, (void)sequences;
    return 0;
}

static void context_after(const struct layer *layer, const struct run *run) {
    const size_t inputs = layer->inputs, frame = run->sequences * layer->input_row;
    if (!run->after[0])
        return;
    for (size_t s = 0; s < run->sequences; s++)
        for (size_t row = 0; row < context_kept(layer); row++)
            give_state(run, s,
                       run->tape + ((size_t)run->ends[s] * layer->hop + row) * frame +
                           s * layer->input_row,
                       inputs, run->after[0] + row * inputs * run->all);
}

static void context_forward(const struct layer *layer, const float *packed, const struct run *run) {
    (void)packed;
    const size_t inputs = layer->inputs, kept = context_kept(layer),
                 frame = run->sequences * layer->input_row;
    for (size_t row = 0; row < kept; row++)
        take_state(run, run->before[0] ? run->before[0] + row * inputs * run->all : NULL, inputs,
                   run->tape + row * frame, layer->input_row);
    memcpy(run->tape + kept * frame, run->x, run->runs * layer->hop * frame * sizeof *run->x);
    for (size_t n = 0; n < run->runs * run->sequences; n++) {
        const float *from = run->tape + n / run->sequences * layer->hop * frame +
                            n % run->sequences * layer->input_row;
        float *to = run->result + n * layer->row;
        for (size_t row = 0; row < layer->rows; row++)
            memcpy(to + row * inputs, from + row * frame, inputs * sizeof *to);
        memset(to + layer->outputs, 0, (layer->row - layer->outputs) * sizeof *to);
    }
    context_after(layer, run);
}

/* What the state before would get goes nowhere. */
static void context_backward(const struct layer *layer, const float *packed,
                             const struct run *run) {
    (void)packed;
    const size_t inputs = layer->inputs, kept = context_kept(layer),
                 frame = run->sequences * layer->input_row;
    if (!run->dx)
        return;
    memset(run->dx, 0, run->runs * layer->hop * frame * sizeof *run->dx);
    for (size_t n = 0; n < run->runs * run->sequences; n++)
        for (size_t row = 0; row < layer->rows; row++) {
            const size_t read = n / run->sequences * layer->hop + row;
            if (read < kept)
                continue;
            const float *from = run->dresult + n * layer->row + row * inputs;
            float *to = run->dx + (read - kept) * frame + n % run->sequences * layer->input_row;
            for (size_t v = 0; v < inputs; v++)
                to[v] += from[v];
        }
}

static const struct kind context_kind = {"context",       context_plan,    context_tape,
                                         context_scratch, context_result,  NULL,
                                         context_forward, context_backward};

#endif
