/* Samples of a sound, any number at a time: frames of them, and what fills none yet. */
#include "stream.h"

#include <string.h>

/* `count` samples of one of the two types; the other one is null. */
typedef struct sound {
    const int16_t *integers;
    const float *reals;
    size_t count;
} sound;

static void skip(sound *of, size_t count) {
    of->integers = of->integers == NULL ? NULL : of->integers + count;
    of->reals = of->reals == NULL ? NULL : of->reals + count;
    of->count -= count;
}

/* The first samples, up to the end of the frame, behind those that wait in `frame`. */
static void gather(el_stream *stream, sound *of, float *frame) {
    const size_t left = stream->model->features - stream->waiting;
    const size_t count = left < of->count ? left : of->count;
    frame += stream->waiting;
    if (of->reals != NULL)
        memcpy(frame, of->reals, count * sizeof *frame);
    else
        for (size_t n = 0; n < count; n++)
            frame[n] = (float)of->integers[n];
    stream->waiting += (uint32_t)count;
    skip(of, count);
}

/* Returns how many answers were written. */
static size_t take(el_stream *stream, sound of, float *answers, size_t due) {
    const el_model *model = stream->model;
    float only;
    float *frame = el_keeps_samples(model) ? el_stream_part(stream, model->waiting_offset) : &only;
    size_t written = 0;
    while (of.count != 0) {
        const float *frames = frame;
        size_t whole = 0;
        if (stream->waiting == 0 && of.reals != NULL && of.count >= model->features) {
            frames = of.reals;
            whole = of.count / model->features;
            skip(&of, whole * model->features);
        } else {
            gather(stream, &of, frame);
            whole = stream->waiting == model->features;
            stream->waiting = whole ? 0 : stream->waiting;
        }
        float *answer = written < due ? answers + written * model->outputs : NULL;
        written += el_stream_take(stream, frames, whole, answer, due - written);
    }
    return written;
}

static el_status push(el_stream *stream, sound of, float *answers, size_t capacity,
                      size_t *n_answers) {
    if (stream == NULL || (of.integers == NULL && of.reals == NULL && of.count != 0))
        return EL_ERROR_ARGUMENT;
    const size_t features = stream->model->features;
    if (!el_keeps_samples(stream->model) && features != 1)
        return EL_ERROR_SAMPLES;
    const size_t rest = stream->waiting + of.count % features;
    const size_t due = el_stream_answers(stream, of.count / features + rest / features);
    if (due > capacity)
        return EL_ERROR_CAPACITY;
    if (due != 0 && answers == NULL)
        return EL_ERROR_ARGUMENT;
    if (of.reals != NULL && !el_are_finite(of.reals, of.count))
        return EL_ERROR_NOT_FINITE;
    const size_t written = take(stream, of, answers, due);
    if (n_answers != NULL)
        *n_answers = written;
    return EL_OK;
}

el_status el_stream_push_i16(el_stream *stream, const int16_t *samples, size_t count,
                             float *answers, size_t capacity, size_t *n_answers) {
    return push(stream, (sound){.integers = samples, .count = count}, answers, capacity, n_answers);
}

el_status el_stream_push_f32(el_stream *stream, const float *samples, size_t count, float *answers,
                             size_t capacity, size_t *n_answers) {
    return push(stream, (sound){.reals = samples, .count = count}, answers, capacity, n_answers);
}

size_t el_stream_waiting(const el_stream *stream) {
    return stream == NULL ? 0 : stream->waiting;
}
