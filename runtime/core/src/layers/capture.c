#include "capture.h"

#include "kernels/kernels.h"
#include "lstm.h"
#include "matrix.h"
#include "recurrence.h"
#include "stream.h"
#include "team.h"

/* Values of a block that are normalized together. */
#define BLOCK 64u

extern const el_layer_type el_layer_lstm, el_layer_dense;

bool el_is_capture(const el_model *model) {
    const el_layer *lstm = &model->layers[0], *dense = &model->layers[1];
    return model->n_layers == 2 && model->head == 1 && model->stride == 1 && model->anew == 0 &&
           model->features <= BLOCK && model->outputs == 1 && model->activation == EL_LINEAR &&
           model->float_input && !model->keeps_samples && model->chunk_size == 0 &&
           lstm->type == &el_layer_lstm && el_is_plain(lstm) && !el_has_int8(lstm) &&
           !el_has_int16(lstm) && lstm->channels <= EL_SEGMENT && dense->type == &el_layer_dense &&
           !el_has_int8(dense) && !el_has_int16(dense) && dense->source == 1 &&
           dense->x_offset == lstm->part_offset[0];
}

bool el_captures(const el_stream *stream, size_t left) {
    const el_model *model = stream->model;
    if (!model->is_capture || left < 2 || stream->plan.answer.hop != 1 ||
        stream->plan.answer.pooling != EL_LAST)
        return false;
    const el_layer *lstm = &model->layers[0];
    return el_float_kernels(model)->capture_float32 != NULL &&
           !el_is_shared(stream, el_lstm_of(lstm)->groups, lstm->macs);
}

void el_capture_push(el_stream *stream, const float *frames, size_t count, float *answers) {
    const el_model *model = stream->model;
    const el_layer *lstm = &model->layers[0];
    const size_t features = model->features, most = BLOCK / features;
    float x[BLOCK];
    for (size_t first = 0; first < count; first += most) {
        const size_t taken = count - first < most ? count - first : most;
        for (size_t n = 0; n < taken; n++)
            el_stream_read(stream, frames + (first + n) * features, x + n * features);
        el_float_kernels(model)->capture_float32(
            el_lstm_of(lstm), el_matrix_of(&model->layers[1]),
            &(el_frames){.x = x,
                         .h = el_stream_part(stream, lstm->part_offset[0]),
                         .c = el_stream_part(stream, lstm->part_offset[1]),
                         .work = el_stream_part(stream, model->work_offset),
                         .y = answers + first,
                         .count = (uint32_t)taken});
    }
    stream->frames += count;
}
