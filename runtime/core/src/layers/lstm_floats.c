/* LSTM layers of floats that are not plain. */
#include "functions.h"
#include "kernels/kernels.h"
#include "lstm.h"
#include "recurrence.h"

#include <string.h>

uint64_t el_lstm_floats_work(const el_layer *layer) {
    const el_lstm *lstm = el_lstm_of(layer);
    uint32_t padded = lstm->groups * EL_BLOCK_ROWS;
    return (uint64_t)padded * (1 + EL_GATES) + EL_BLOCK_ROWS + lstm->columns_w + lstm->columns_r +
           el_anew_work(layer, EL_LSTM_LETTERS, padded);
}

/* One run with functions of any kind: rare, and long where these are inlined. `work` is that of
 * el_lstm_floats_work behind the next h. */
static __attribute__((cold, noinline)) void run_floats(const el_model *model, const el_layer *layer,
                                                       const float *x, float *h, float *c,
                                                       float *work) {
    const el_lstm *lstm = el_lstm_of(layer);
    const uint32_t gate = layer->recurrence.gate, candidate = layer->recurrence.candidate;
    const el_matrix matrix = {.weights = lstm->weights,
                              .rows = lstm->rows,
                              .columns = lstm->columns_w + lstm->columns_r,
                              .groups = lstm->groups * EL_GATES};
    float *sums = work, *both = work + (size_t)matrix.groups * EL_BLOCK_ROWS + EL_BLOCK_ROWS;
    memcpy(both, x, lstm->columns_w * sizeof *both);
    memcpy(both + lstm->columns_w, h, lstm->columns_r * sizeof *both);
    el_float_kernels(model)->dense_float32(&matrix, both, sums);
    for (uint32_t group = 0; group < lstm->groups; group++, sums += EL_GATES * EL_BLOCK_ROWS)
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h++) {
            const float *of = sums + n;
            float in = el_apply(gate, of[0]), kept = el_apply(gate, of[EL_BLOCK_ROWS]);
            float cell = el_apply(candidate, of[2 * EL_BLOCK_ROWS]);
            *c = el_held_state(kept * *c + in * cell);
            *h = el_held_state(el_apply(gate, of[3 * EL_BLOCK_ROWS]) * el_apply(candidate, *c));
        }
}

void el_lstm_step_floats(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    const el_recurrence *recurrence = &layer->recurrence;
    const el_lstm *lstm = el_lstm_of(layer);
    const uint32_t padded = lstm->groups * EL_BLOCK_ROWS, units = layer->channels;
    const float *x = el_stream_part(stream, layer->x_offset);
    float *h_next = el_stream_part(stream, model->work_offset), *work = h_next + padded;
    float *anew =
        h_next + el_lstm_floats_work(layer) - el_anew_work(layer, EL_LSTM_LETTERS, padded);
    float *h = el_stream_part(stream, layer->part_offset[0]);
    float *c = el_stream_part(stream, layer->part_offset[1]);
    float *y = el_stream_part(stream, layer->y_offset);
    if (recurrence->anew) {
        el_begin_anew(layer, EL_LSTM_LETTERS, padded, anew);
        h = anew;
        c = anew + padded;
    }
    bool usual = recurrence->gate == EL_F_SIGMOID && recurrence->candidate == EL_F_TANH;
    for (uint32_t run = 0; run < recurrence->runs; run++, x += layer->inputs, y += units) {
        if (usual) {
            el_float_kernels(model)->lstm_float32(lstm, x, h, h_next, c);
            memcpy(h, h_next, padded * sizeof *h);
        } else {
            run_floats(model, layer, x, h, c, work);
        }
        if (!layer->keeps_result)
            memcpy(y, h, units * sizeof *y);
    }
}
