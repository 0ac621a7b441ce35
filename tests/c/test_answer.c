/* Means and maxima over windows of any number of blocks are those of the scores, and the same bits
 * after a restore from any frame, whether they are the model's own answers or a stream is asked for
 * them. What a model cannot answer is refused. */
#include "check.h"
#include "counts.h"
#include "tiny_model.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define FRAMES 1400

static tiny_model plain, pooled;
static float frames[FRAMES][TINY_FEATURES];
static float scores[FRAMES][TINY_OUTPUTS];

static void make(tiny_model *tiny, el_pooling pooling, uint32_t window, uint32_t hop) {
    uint32_t linear = EL_LINEAR;
    tiny_make(tiny, EL_FLOAT32, pooling, window, hop);
    memcpy(tiny->file + 56, &linear, sizeof linear);
    tiny_seal(tiny);
    CHECK_STATUS(tiny_open(tiny), EL_OK);
}

static el_stream *new_stream(const el_model *model, const el_answer *asked) {
    el_stream *stream;
    size_t size = el_stream_size(model, asked);
    void *memory = aligned_alloc(EL_ALIGNMENT, size);
    CHECK(memory != NULL);
    memset(memory, 0xA5, size);
    CHECK_STATUS(el_stream_init(memory, size, model, asked, &stream), EL_OK);
    return stream;
}

/* Between two answers the block that is being filled stands for the oldest one. */
static void check_pooled(unsigned end, const el_answer *asked, const float *answer) {
    uint32_t window = asked->window, hop = asked->hop;
    unsigned partial = end % hop, covered = end;
    if (end > window - (partial ? hop : 0) + partial)
        covered = window - (partial ? hop : 0) + partial;
    for (unsigned k = 0; k < TINY_OUTPUTS; k++) {
        double sum = 0.0, most = -INFINITY;
        for (unsigned n = end - covered; n < end; n++) {
            sum += (double)scores[n][k];
            most = fmax(most, (double)scores[n][k]);
        }
        bool has_most = asked->pooling == EL_MEAN_MAX;
        double expected = has_most ? (sum / covered + most) / 2 : sum / covered;
        CHECK(fabs((double)answer[k] - expected) <= 1e-6 * fabs(expected) + 1e-7);
    }
}

static void check_window(const el_model *model, const el_answer *option, const el_answer *gives) {
    float answer[TINY_OUTPUTS], asked[TINY_OUTPUTS], again[TINY_OUTPUTS];
    el_stream *stream = new_stream(model, option), *other = new_stream(model, option);
    size_t size = el_stream_save_size(model, option);
    unsigned char *saved = malloc(size), *too = malloc(size);
    CHECK(saved && too);
    for (unsigned n = 0; n < FRAMES; n++) {
        size_t emitted, emitted_too;
        CHECK_STATUS(el_stream_push(stream, frames[n], 1, answer, 1, &emitted), EL_OK);
        CHECK(emitted == ((n + 1) % gives->hop == 0));
        bool asks = n % 9 == 0 || n < 20;
        if (asks) {
            CHECK_STATUS(el_stream_answer(stream, asked), EL_OK);
            CHECK(!emitted || memcmp(asked, answer, sizeof asked) == 0);
            check_pooled(n + 1, gives, asked);
        } else if (emitted && (gives->hop > 9 || n % 4 == 1)) {
            check_pooled(n + 1, gives, answer);
        }
        if (n == 0 || n % 97 == 0) { /* the other never asks in between, and is restored */
            CHECK_STATUS(el_stream_save(stream, saved, size), EL_OK);
            CHECK_STATUS(el_stream_restore(other, saved, size), EL_OK);
            continue;
        }
        CHECK_STATUS(el_stream_push(other, frames[n], 1, again, 1, &emitted_too), EL_OK);
        CHECK(emitted == emitted_too && (!emitted || memcmp(answer, again, sizeof answer) == 0));
    }
    CHECK_STATUS(el_stream_save(stream, saved, size), EL_OK);
    CHECK_STATUS(el_stream_save(other, too, size), EL_OK);
    CHECK(memcmp(saved, too, size) == 0);
    free(stream);
    free(other);
    free(saved);
    free(too);
}

/* By a model whose scores come every sixth frame. */
static void check_refused(void) {
    static const tiny_layer layers[] = {
        {TINY_CONTEXT, 0, 0, {6, 6}}, {TINY_GRU, 3, 0, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    static const el_answer right[] = {
        {EL_LAST, 0, 0},        {EL_LAST, 0, 6},   {EL_MEAN, 0, 0},     {EL_MEAN, 0, 1048572},
        {EL_MEAN, 1048572, 12}, {EL_MEAN, 12, 12}, {EL_MEAN_MAX, 0, 0}, {EL_MEAN_MAX, 12, 6}};
    static const el_answer wrong[] = {{EL_MEAN_MAX + 1, 0, 6},
                                      {UINT32_MAX, 0, 6},
                                      {EL_LAST, 6, 6},
                                      {EL_MEAN, 6, 0},
                                      {EL_MEAN, 9, 6},
                                      {EL_MEAN_MAX, 6, 0},
                                      {EL_MEAN_MAX, 9, 6},
                                      {EL_MEAN, 6, 12},
                                      {EL_LAST, 0, 7},
                                      {EL_MEAN, 0, 3},
                                      {EL_LAST, 0, 1048578},
                                      {EL_MEAN, 1048578, 6},
                                      {EL_MEAN, UINT32_MAX, UINT32_MAX}};
    static _Alignas(EL_ALIGNMENT) unsigned char memory[1 << 22];
    el_stream *stream = NULL;
    el_pool *pool = NULL;
    tiny_build(&plain, EL_INT8, (tiny_answer){EL_LAST, 0, 6}, TINY_FEATURES, layers, 3);
    CHECK_STATUS(tiny_open(&plain), EL_OK);
    for (size_t n = 0; n < sizeof right / sizeof *right; n++) {
        size_t size = el_stream_size(plain.model, &right[n]);
        CHECK(size != 0 && size % EL_ALIGNMENT == 0 && size <= sizeof memory);
        CHECK_STATUS(el_stream_init(memory, size - 1, plain.model, &right[n], &stream),
                     EL_ERROR_MEMORY);
        CHECK_STATUS(el_stream_init(memory, size, plain.model, &right[n], &stream), EL_OK);
    }
    stream = NULL;
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        CHECK(el_stream_size(plain.model, &wrong[n]) == 0);
        CHECK(el_stream_save_size(plain.model, &wrong[n]) == 0);
        CHECK(el_pool_size(plain.model, &wrong[n], 1) == 0);
        CHECK_STATUS(el_stream_init(memory, sizeof memory, plain.model, &wrong[n], &stream),
                     EL_ERROR_ANSWER);
        CHECK_STATUS(el_pool_init(memory, sizeof memory, plain.model, &wrong[n], 1, &pool),
                     EL_ERROR_ANSWER);
    }
    CHECK(stream == NULL && pool == NULL && el_stream_save_size(NULL, NULL) == 0);
}

/* A ring of 2^20 rows is too large where there are many outputs. */
static void check_too_large(void) {
    static const tiny_layer layers[] = {{TINY_GRU, 3, 0, {0}}, {TINY_DENSE, 200, 0, {0}}};
    static const el_answer largest = {EL_MEAN, 1 << 20, 1};
    el_stream *stream;
    CHECK(el_stream_size(pooled.model, &largest) > (sizeof(double) << 20) * TINY_OUTPUTS);
    tiny_build(&plain, EL_INT8, (tiny_answer){EL_LAST, 0, 1}, TINY_FEATURES, layers, 2);
    CHECK_STATUS(tiny_open(&plain), EL_OK);
    CHECK(el_stream_size(plain.model, &largest) == 0);
    CHECK_STATUS(el_stream_init(pooled.memory, SIZE_MAX, plain.model, &largest, &stream),
                 EL_ERROR_ANSWER);
}

int main(void) {
    static const uint32_t windows[][2] = {{1, 1},   {16, 1},    {17, 1},  {200, 1},
                                          {256, 1}, {257, 1},   {600, 2}, {200, 50},
                                          {51, 3},  {500, 500}, {1300, 1}};
    size_t n_scores;
    for (unsigned n = 0; n < FRAMES; n++)
        tiny_frame(n, frames[n]);
    make(&plain, EL_LAST, 0, 1);
    el_stream *stream = new_stream(plain.model, NULL);
    CHECK_STATUS(el_stream_push(stream, frames[0], FRAMES, scores[0], FRAMES, &n_scores), EL_OK);
    CHECK(n_scores == FRAMES);
    for (size_t n = 0; n < sizeof windows / sizeof *windows; n += counted(4, 1, 1)) {
        for (el_pooling kind = EL_MEAN; kind <= EL_MEAN_MAX; kind++) {
            const el_answer option = {kind, windows[n][0], windows[n][1]};
            make(&pooled, kind, option.window, option.hop);
            check_window(pooled.model, NULL, &option);
            check_window(plain.model, &option, &option);
        }
    }
    free(stream);
    check_refused();
    check_too_large();
    return 0;
}
