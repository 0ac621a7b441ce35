/* States that no stream can reach are refused, or do no harm. What the fuzzer found is kept here.
 */
#include "check.h"
#include "model.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define STATE 64

static tiny_model tiny;
static _Alignas(EL_ALIGNMENT) unsigned char memory[1 << 14];
static unsigned char snapshot[4096];
static el_stream *stream;
static el_info info;

static void start(el_precision precision, el_pooling pooling, uint32_t window, uint32_t hop) {
    float frame[TINY_FEATURES], answers[TINY_OUTPUTS];
    tiny_make(&tiny, precision, pooling, window, hop);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK_STATUS(el_stream_init(memory, sizeof memory, tiny.model, NULL, &stream), EL_OK);
    tiny_frame(1, frame);
    CHECK_STATUS(el_stream_push(stream, frame, 1, answers, 1, NULL), EL_OK);
    CHECK_STATUS(el_stream_save(stream, snapshot, sizeof snapshot), EL_OK);
}

static el_status restore_sealed(void) {
    uint32_t checksum = el_crc32(snapshot + 16, info.snapshot_size - 16);
    memcpy(snapshot + 12, &checksum, sizeof checksum);
    return el_stream_restore(stream, snapshot, info.snapshot_size);
}

static void check_float_state(void) {
    static const float impossible[] = {NAN, INFINITY, -INFINITY, 3e38f, -17e6f};
    start(EL_FLOAT32, EL_LAST, 0, 1);
    for (size_t n = 0; n < sizeof impossible / sizeof *impossible; n++) {
        memcpy(snapshot + STATE + 4 * n, &impossible[n], sizeof *impossible);
        CHECK_STATUS(restore_sealed(), EL_ERROR_FIELD);
        memset(snapshot + STATE + 4 * n, 0, sizeof *impossible);
        CHECK_STATUS(restore_sealed(), EL_OK);
    }
    float largest = 16777216.0f;
    memcpy(snapshot + STATE, &largest, sizeof largest);
    CHECK_STATUS(restore_sealed(), EL_OK);
}

/* Sums are held to what as many runs as they stand for come to: answers stay finite. */
static void check_sums(void) {
    static const double refused[] = {NAN, INFINITY, -INFINITY, 3.41e38, -1e300, 1.7e308};
    double sum = -3.4e38;
    float answer[TINY_OUTPUTS];
    start(EL_INT8, EL_MEAN, 0, 1);
    unsigned char *sums = snapshot + info.snapshot_size - TINY_OUTPUTS * sizeof sum;
    for (size_t n = 0; n < sizeof refused / sizeof *refused; n++) {
        memcpy(sums, &refused[n], sizeof *refused);
        CHECK_STATUS(restore_sealed(), EL_ERROR_FIELD);
    }
    memcpy(sums, &sum, sizeof sum);
    CHECK_STATUS(restore_sealed(), EL_OK);
    CHECK_STATUS(el_stream_answer(stream, answer), EL_OK);
    CHECK(isfinite(answer[0]) && isfinite(answer[1]));
}

/* A count of frames that the sums contradict: a row without a run holds nothing. */
static void check_empty_rows(void) {
    static const struct {
        uint64_t frames;
        size_t row; /* the only one that is not zero */
        el_status wanted;
    } cases[] = {{0, 0, EL_ERROR_FIELD}, {1, 0, EL_OK}, {1, 1, EL_ERROR_FIELD},
                 {3, 1, EL_ERROR_FIELD}, {4, 1, EL_OK}, {4, 2, EL_ERROR_FIELD},
                 {9, 2, EL_OK},          {10, 0, EL_OK}};
    start(EL_INT8, EL_MEAN, 9, 3);
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        double sum = 1.0;
        unsigned char *sums = snapshot + info.snapshot_size - 3 * TINY_OUTPUTS * sizeof sum;
        memset(sums, 0, 3 * TINY_OUTPUTS * sizeof sum);
        memcpy(sums + cases[n].row * TINY_OUTPUTS * sizeof sum, &sum, sizeof sum);
        memcpy(snapshot + 40, &cases[n].frames, sizeof cases[n].frames);
        CHECK_STATUS(restore_sealed(), cases[n].wanted);
    }
}

/* Counts of frames near the end of their type are refused: below, answers come when they are due.
 */
static void check_frames(void) {
    static const uint64_t refused[] = {(UINT64_C(1) << 62) + 1, UINT64_C(1) << 63, UINT64_MAX};
    uint64_t frames = UINT64_C(1) << 62; /* 2^62 is 1 modulo 3 */
    float signal[6][TINY_FEATURES], answers[2][TINY_OUTPUTS];
    size_t n_answers;
    start(EL_INT8, EL_MEAN, 6, 3);
    for (size_t n = 0; n < sizeof refused / sizeof *refused; n++) {
        memcpy(snapshot + 40, &refused[n], sizeof *refused);
        CHECK_STATUS(restore_sealed(), EL_ERROR_FIELD);
    }
    memcpy(snapshot + 40, &frames, sizeof frames);
    CHECK_STATUS(restore_sealed(), EL_OK);
    CHECK(el_stream_frames(stream) == frames);
    CHECK(el_stream_answers(stream, 1) == 0 && el_stream_answers(stream, 2) == 1);
    CHECK(el_stream_answers(stream, SIZE_MAX) == SIZE_MAX / 3); /* SIZE_MAX is 0 modulo 3 */
    for (unsigned n = 0; n < 6; n++)
        tiny_frame(n, signal[n]);
    CHECK_STATUS(el_stream_push(stream, signal[0], 6, answers[0], 2, &n_answers), EL_OK);
    CHECK(n_answers == 2 && el_stream_frames(stream) == frames + 6);
}

/* Rows of a context may be as large as any hidden result, and no larger. */
static void check_context_state(void) {
    static const tiny_layer layers[] = {
        {TINY_CONTEXT, 0, 0, {4, 2}}, {TINY_GRU, 3, 0, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    static const struct {
        float value;
        el_status wanted;
    } rows[] = {{1e27f, EL_OK}, {-1e27f, EL_OK}, {1.1e27f, EL_ERROR_FIELD}, {NAN, EL_ERROR_FIELD}};
    start(EL_FLOAT32, EL_LAST, 0, 1);
    tiny_build(&tiny, EL_FLOAT32, (tiny_answer){EL_LAST, 0, 2}, TINY_FEATURES, layers, 3);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK_STATUS(el_stream_init(memory, sizeof memory, tiny.model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_save(stream, snapshot, sizeof snapshot), EL_OK);
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        float frame[TINY_FEATURES], answer[TINY_OUTPUTS];
        memcpy(snapshot + STATE + 4 * (n % 2 ? 0 : 4 * TINY_FEATURES), &rows[n].value, 4);
        CHECK_STATUS(restore_sealed(), rows[n].wanted);
        tiny_frame(1, frame);
        for (size_t k = 0; k < 2; k++)
            CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
        CHECK(answer[0] >= 0.0f && answer[0] <= 1.0f); /* no NaN */
    }
}

/* Units of padding are no part of a snapshot, so no weight may read them: a file whose columns of
 * padding hold anything, with sums to match, is refused. */
static void check_padding(void) {
    tiny_make(&tiny, EL_INT8, EL_LAST, 0, 1);
    uint32_t weights, rows;
    memcpy(&weights, tiny.file + TINY_TABLE + TINY_WEIGHTS, sizeof weights);
    memcpy(&rows, tiny.file + TINY_TABLE + TINY_ROWS, sizeof rows);
    /* Layer 0 has 3 inputs and 5 units, each padded to 8 columns: W, then R, of the first block. */
    static const struct {
        uint32_t at;
        size_t sums;
    } padding[] = {{3, offsetof(el_rows, sum_w)}, {128 + 64 + 1, offsetof(el_rows, sum_r)}};
    for (size_t n = 0; n < 2; n++) {
        unsigned char *weight = tiny.file + weights + padding[n].at;
        unsigned char *sum = tiny.file + rows + padding[n].sums;
        CHECK(*weight == 0);
        int32_t right, changed;
        memcpy(&right, sum, sizeof right);
        changed = right + 1;
        *weight = 1;
        memcpy(sum, &changed, sizeof changed);
        tiny_seal(&tiny);
        CHECK_STATUS(tiny_open(&tiny), EL_ERROR_WEIGHTS);
        *weight = 0;
        memcpy(sum, &right, sizeof right);
        tiny_seal(&tiny);
        CHECK_STATUS(tiny_open(&tiny), EL_OK);
    }
}

/* A stream that gives other answers than the model's own says so, and goes on from no snapshot of
 * one with others again; those of before streams could be asked for any are the model's own. */
static void check_bound_to_answers(void) {
    static const el_answer options[] = {{EL_MEAN, 4, 2}, {EL_MEAN, 4, 4}, {EL_LAST, 0, 2}};
    static unsigned char own[4096];
    start(EL_INT8, EL_MEAN, 8, 2);
    memcpy(own, snapshot, info.snapshot_size);
    uint32_t words[4] = {0, EL_MEAN, 8, 2}; /* no other way to say that these are the model's own */
    for (words[0] = 0; words[0] < 3; words[0]++) {
        memcpy(snapshot + 48, words, sizeof words);
        CHECK_STATUS(restore_sealed(), EL_ERROR_FIELD);
    }
    for (size_t n = 0; n < sizeof options / sizeof *options; n++) {
        uint64_t own_size = info.snapshot_size;
        size_t size = el_stream_save_size(tiny.model, &options[n]);
        CHECK_STATUS(el_stream_init(memory, sizeof memory, tiny.model, &options[n], &stream),
                     EL_OK);
        CHECK_STATUS(el_stream_restore(stream, own, own_size), EL_ERROR_OTHER_ANSWER);
        CHECK_STATUS(el_stream_save(stream, snapshot, size - 1), EL_ERROR_MEMORY);
        CHECK_STATUS(el_stream_save(stream, snapshot, size), EL_OK);
        memcpy(words, snapshot + 48, sizeof words);
        CHECK(words[0] == 1 && memcmp(words + 1, &options[n], sizeof options[n]) == 0);
        info.snapshot_size = size;
        CHECK_STATUS(restore_sealed(), EL_OK);
        for (size_t k = 1; k < 4; k++) { /* of another one */
            uint32_t changed = words[k] + 1;
            memcpy(snapshot + 48 + 4 * k, &changed, sizeof changed);
            CHECK_STATUS(restore_sealed(), EL_ERROR_OTHER_ANSWER);
            memcpy(snapshot + 48 + 4 * k, &words[k], sizeof changed);
        }
        memset(snapshot + 48, 0, 16);
        CHECK_STATUS(restore_sealed(), EL_ERROR_OTHER_ANSWER);
        info.snapshot_size = own_size;
    }
}

int main(void) {
    check_padding();
    check_float_state();
    check_sums();
    check_empty_rows();
    check_frames();
    check_context_state();
    check_bound_to_answers();
    return 0;
}
