/* Samples of a sound in any split, as int16, as float32 and as frames, with saves between: answers
 * and state are those of whole frames in one push, in every bit. An LSTM takes them, over a
 * spectrum or as they are. */
#include "check.h"
#include "kernel_sets.h"
#include "model.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define FEATURES 10
#define FRAMES 40
#define SAMPLES (FEATURES * FRAMES + 7)
#define WAITING (4 * FEATURES) /* bytes, at a snapshot's end */

static tiny_model tiny;
static el_info info;
static _Alignas(EL_ALIGNMENT) unsigned char memory[2][1 << 14], pool_memory[1 << 15];
static unsigned char saved[4096], expected[4096];
static int16_t integers[SAMPLES];
static float reals[SAMPLES], whole[FRAMES][TINY_OUTPUTS], parts[FRAMES][TINY_OUTPUTS];
static size_t n_whole;

/* With EL_SAMPLES there is no spectrum: an LSTM takes the samples as they are. */
static void build(tiny_answer answer, unsigned flags) {
    static const tiny_layer layers[] = {{TINY_SPECTRUM, 0, 0, {4, 2}},
                                        {TINY_LSTM, 5, 0, {0}},
                                        {TINY_LSTM, 3, 0, {0}},
                                        {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    const size_t first = (flags & EL_SAMPLES) != 0;
    tiny_build(&tiny, first ? EL_INT8 : EL_FLOAT32, answer, FEATURES, layers + first, 4 - first);
    CHECK_STATUS(tiny_open_with(&tiny, flags), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
}

static el_stream *new_stream(size_t which) {
    el_stream *stream;
    memset(memory[which], 0xA5, sizeof memory[which]);
    CHECK_STATUS(el_stream_init(memory[which], info.stream_size, tiny.model, NULL, &stream), EL_OK);
    return stream;
}

static void push_whole(void) {
    el_stream *stream = new_stream(0);
    CHECK_STATUS(el_stream_push(stream, reals, FRAMES, whole[0], FRAMES, &n_whole), EL_OK);
    CHECK_STATUS(el_stream_push_f32(stream, reals + FRAMES * FEATURES, 7, NULL, 0, NULL), EL_OK);
    CHECK(el_stream_frames(stream) == FRAMES && el_stream_waiting(stream) == 7);
    CHECK_STATUS(el_stream_save(stream, expected, sizeof expected), EL_OK);
}

static size_t push_some(el_stream *stream, size_t at, size_t count, int kind, float *answers) {
    size_t n_answers = 0;
    size_t due = el_stream_answers(stream, (el_stream_waiting(stream) + count) / FEATURES);
    if (kind == 0)
        CHECK_STATUS(el_stream_push_i16(stream, integers + at, count, answers, due, &n_answers),
                     EL_OK);
    else if (kind == 1 || count % FEATURES != 0)
        CHECK_STATUS(el_stream_push_f32(stream, reals + at, count, answers, due, &n_answers),
                     EL_OK);
    else
        CHECK_STATUS(el_stream_push(stream, reals + at, count / FEATURES, answers, due, &n_answers),
                     EL_OK);
    CHECK(n_answers == due);
    return n_answers;
}

static void check_split(int32_t most) {
    el_stream *stream = new_stream(0);
    size_t n_answers = 0, which = 0;
    for (size_t at = 0, count; at < SAMPLES; at += count) {
        count = (size_t)between(0, most);
        if (between(0, 3) == 0)
            count = count / FEATURES * FEATURES;
        count = count < SAMPLES - at ? count : SAMPLES - at;
        n_answers += push_some(stream, at, count, between(0, 2), parts[0] + n_answers * 2);
        if (between(0, 3) == 0) {
            CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
            stream = new_stream(which = 1 - which);
            CHECK_STATUS(el_stream_restore(stream, saved, info.snapshot_size), EL_OK);
        }
    }
    CHECK(n_answers == n_whole && memcmp(parts, whole, n_whole * sizeof whole[0]) == 0);
    CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
    CHECK(memcmp(saved, expected, info.snapshot_size) == 0);
    CHECK_STATUS(el_stream_reset(stream), EL_OK);
    CHECK(el_stream_waiting(stream) == 0);
}

/* A stream of a pool takes its frames behind samples that wait, as any stream does. */
static void check_pool(void) {
    el_pool *pool;
    float answer[2][TINY_OUTPUTS] = {{0}}, frames[2][FEATURES];
    el_stream *alone = new_stream(0);
    CHECK(el_pool_size(tiny.model, NULL, 2) <= sizeof pool_memory);
    CHECK_STATUS(el_pool_init(pool_memory, sizeof pool_memory, tiny.model, NULL, 2, &pool), EL_OK);
    CHECK_STATUS(el_stream_push_i16(el_pool_stream(pool, 1), integers, 3, NULL, 0, NULL), EL_OK);
    memcpy(frames[1], reals + 3, sizeof frames[1]);
    CHECK_STATUS(el_pool_push(pool, frames[0], (const uint8_t[2]){0, 1}, answer[0], NULL), EL_OK);
    CHECK_STATUS(el_stream_push_f32(alone, reals, FEATURES + 3, answer[0], 1, NULL), EL_OK);
    CHECK(memcmp(answer[0], answer[1], sizeof answer[0]) == 0);
    CHECK_STATUS(el_stream_save(alone, saved, sizeof saved), EL_OK);
    CHECK_STATUS(el_stream_save(el_pool_stream(pool, 1), expected, sizeof expected), EL_OK);
    CHECK(memcmp(saved, expected, info.snapshot_size) == 0);
}

static el_status restore(el_stream *stream, size_t size) {
    uint64_t total = size;
    memcpy(saved + 16, &total, sizeof total);
    uint32_t checksum = el_crc32(saved + 16, size - 16);
    memcpy(saved + 12, &checksum, sizeof checksum);
    return el_stream_restore(stream, saved, size);
}

static void check_snapshots(void) {
    el_stream *stream = new_stream(0);
    const size_t size = info.snapshot_size;
    uint16_t waiting = FEATURES;
    float value = NAN;
    CHECK_STATUS(el_stream_push_f32(stream, reals, FEATURES, parts[0], 1, NULL), EL_OK);
    CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
    CHECK_STATUS(restore(stream, size - WAITING), EL_OK); /* of before streams kept any */
    CHECK(el_stream_frames(stream) == 1 && el_stream_waiting(stream) == 0);
    CHECK_STATUS(restore(stream, size - WAITING + 4), EL_ERROR_TRUNCATED);
    memcpy(saved + 50, &waiting, sizeof waiting);
    CHECK_STATUS(restore(stream, size), EL_ERROR_FIELD);
    waiting = 1;
    memcpy(saved + 50, &waiting, sizeof waiting);
    CHECK_STATUS(restore(stream, size), EL_OK);
    CHECK(el_stream_waiting(stream) == 1);
    CHECK_STATUS(restore(stream, size - WAITING), EL_ERROR_TRUNCATED);
    memcpy(saved + size - WAITING, &value, sizeof value);
    CHECK_STATUS(restore(stream, size), EL_ERROR_FIELD);
    CHECK(el_stream_waiting(stream) == 1);
}

static void check_refusals(void) {
    build((tiny_answer){EL_LAST, 0, 1}, 0);
    el_stream *stream = new_stream(0);
    float spoilt[FEATURES] = {0, NAN};
    CHECK_STATUS(el_stream_push_i16(NULL, integers, 1, NULL, 0, NULL), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_stream_push_i16(stream, NULL, 1, NULL, 0, NULL), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_stream_push_i16(stream, integers, 4, NULL, 0, NULL), EL_OK);
    CHECK_STATUS(el_stream_push_i16(stream, integers, 6, NULL, 0, NULL), EL_ERROR_CAPACITY);
    CHECK_STATUS(el_stream_push_i16(stream, integers, 6, NULL, 1, NULL), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_stream_push_f32(stream, spoilt, 2, NULL, 0, NULL), EL_ERROR_NOT_FINITE);
    CHECK(el_stream_waiting(stream) == 4 && el_stream_frames(stream) == 0);
    tiny_make(&tiny, EL_INT8, EL_LAST, 0, 1);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    stream = new_stream(0);
    CHECK_STATUS(el_stream_push_i16(stream, integers, 3, parts[0], 1, NULL), EL_ERROR_SAMPLES);
    CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
    const uint16_t waiting = 1;
    memcpy(saved + 50, &waiting, sizeof waiting);
    CHECK_STATUS(restore(stream, info.snapshot_size), EL_ERROR_FIELD);
}

/* Streams that keep samples and streams that keep none go on from one another, while none waits. */
static void check_both_kinds(void) {
    build((tiny_answer){EL_MEAN, 12, 3}, EL_SAMPLES);
    const el_info keeping = info;
    el_stream *stream = new_stream(0), *other;
    CHECK_STATUS(el_stream_push_i16(stream, integers, SAMPLES - 7, parts[0], FRAMES, NULL), EL_OK);
    CHECK_STATUS(el_stream_save(stream, expected, sizeof expected), EL_OK);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK(keeping.snapshot_size == info.snapshot_size + WAITING);
    CHECK(keeping.stream_size >= info.stream_size + WAITING && keeping.parts == info.parts + 1);
    other = new_stream(1);
    CHECK_STATUS(el_stream_restore(other, expected, keeping.snapshot_size), EL_OK);
    CHECK_STATUS(el_stream_save(other, saved, sizeof saved), EL_OK);
    CHECK(el_stream_frames(other) == FRAMES);
    CHECK(memcmp(saved + 24, expected + 24, info.snapshot_size - 24) == 0); /* behind sizes */
    memcpy(saved, expected, keeping.snapshot_size);
    const uint16_t waiting = 1;
    memcpy(saved + 50, &waiting, sizeof waiting);
    CHECK_STATUS(restore(other, keeping.snapshot_size), EL_ERROR_TRUNCATED);
}

/* A model of one feature takes a frame for each. */
static void check_one_feature(void) {
    static const tiny_layer layers[] = {{TINY_LSTM, 5, 0, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    size_t n_answers;
    tiny_build(&tiny, EL_INT8, (tiny_answer){EL_LAST, 0, 1}, 1, layers, 2);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK_STATUS(el_stream_push(new_stream(0), reals, 20, whole[0], 20, NULL), EL_OK);
    CHECK_STATUS(el_stream_push_i16(new_stream(1), integers, 20, parts[0], 20, &n_answers), EL_OK);
    CHECK(n_answers == 20 && memcmp(parts, whole, 20 * sizeof whole[0]) == 0);
}

int main(void) {
    static const tiny_answer answers[] = {{EL_LAST, 0, 1}, {EL_MEAN, 12, 3}, {EL_MEAN_MAX, 0, 4}};
    for (size_t n = 0; n < SAMPLES; n++)
        reals[n] = integers[n] = (int16_t)between(-9, 9);
    for (size_t n = 0; n < 12; n++) {
        build(answers[n / 4], (n % 2 ? EL_CHUNKS : 0) | (n / 2 % 2 ? EL_SAMPLES : 0));
        push_whole();
        for (int32_t most = 1; most < 100; most += 7)
            check_split(most);
        check_pool();
        check_snapshots();
    }
    check_both_kinds();
    check_refusals();
    check_one_feature();
    return 0;
}
