#include "answer.h"

#include "float_math.h"

/* Sums of scores are float64, one per output, in blocks of `hop` frames. A mean over a window keeps
 * a ring of window / hop blocks: nothing is ever subtracted, so no error builds up over an endless
 * stream. A mean over all frames keeps one block. Which block is in use follows from
 * stream->frames. What is counted are runs of the last layer: one every `stride` frames. */

static double *block(const el_stream *stream, uint64_t index) {
    const el_model *model = stream->model;
    double *sums = el_stream_part(stream, model->sums_offset);
    return sums + (size_t)(index % model->sums_blocks) * model->outputs;
}

static uint64_t runs_of(const el_model *model, uint64_t frames) {
    return model->stride == 1 ? frames : frames / model->stride;
}

void el_answer_add(el_stream *stream, const float *scores) {
    const el_model *model = stream->model;
    uint64_t before = runs_of(model, stream->frames) - 1;
    uint64_t index = 0;
    bool starts_block = before == 0;
    if (model->window) {
        uint64_t hop = model->hop / model->stride;
        index = before / hop;
        starts_block = before % hop == 0;
    }
    double *sums = block(stream, index);
    for (uint32_t n = 0; n < model->outputs; n++)
        sums[n] = (starts_block ? 0.0 : sums[n]) + (double)scores[n];
}

static void mean_of_scores(const el_stream *stream, float *answer) {
    const el_model *model = stream->model;
    uint64_t runs = runs_of(model, stream->frames), first = 0, end = 1, covered = runs;
    if (model->window) {
        uint64_t hop = model->hop / model->stride;
        uint64_t partial = runs % hop, complete = runs / hop;
        uint64_t room = partial ? model->sums_blocks - 1u : model->sums_blocks;
        uint64_t kept = complete < room ? complete : room;
        first = complete - kept;
        end = complete + (partial ? 1 : 0);
        covered = kept * hop + partial;
    }
    for (uint32_t n = 0; n < model->outputs; n++) {
        double sum = 0.0;
        for (uint64_t index = first; index < end; index++)
            sum += block(stream, index)[n];
        answer[n] = (float)(sum / (double)covered);
    }
}

static void softmax(float *values, uint32_t count) {
    float largest = values[0], sum = 0.0f;
    for (uint32_t n = 1; n < count; n++)
        largest = values[n] > largest ? values[n] : largest;
    for (uint32_t n = 0; n < count; n++) {
        values[n] = el_exp(values[n] - largest);
        sum += values[n];
    }
    for (uint32_t n = 0; n < count; n++)
        values[n] /= sum;
}

void el_answer_read(const el_stream *stream, const float *scores, float *answer) {
    const el_model *model = stream->model;
    if (model->pooling == EL_MEAN)
        mean_of_scores(stream, answer);
    else
        memcpy(answer, scores, model->outputs * sizeof *answer);
    if (model->activation == EL_SOFTMAX)
        softmax(answer, model->outputs);
    else if (model->activation == EL_SIGMOID)
        for (uint32_t n = 0; n < model->outputs; n++)
            answer[n] = el_sigmoid(answer[n]);
}
