/* Means over windows of any number of blocks are those of the scores, and the same bits after a
 * restore from any frame. */
#include "check.h"
#include "tiny_model.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define FRAMES 1400

static tiny_model plain, mean;
static float frames[FRAMES][TINY_FEATURES];
static float scores[FRAMES][TINY_OUTPUTS];

static void make(tiny_model *tiny, el_pooling pooling, uint32_t window, uint32_t hop) {
    uint32_t linear = EL_LINEAR;
    tiny_make(tiny, EL_FLOAT32, pooling, window, hop);
    memcpy(tiny->file + 56, &linear, sizeof linear);
    tiny_seal(tiny);
    CHECK_STATUS(tiny_open(tiny), EL_OK);
}

static el_stream *new_stream(const el_model *model) {
    el_stream *stream;
    size_t size = el_stream_size(model);
    void *memory = aligned_alloc(EL_ALIGNMENT, size);
    CHECK(memory != NULL);
    memset(memory, 0xA5, size);
    CHECK_STATUS(el_stream_init(memory, size, model, &stream), EL_OK);
    return stream;
}

/* Between two answers the block that is being filled stands for the oldest one. */
static void check_mean(unsigned end, uint32_t window, uint32_t hop, const float *answer) {
    unsigned partial = end % hop, covered = end;
    if (end > window - (partial ? hop : 0) + partial)
        covered = window - (partial ? hop : 0) + partial;
    for (unsigned k = 0; k < TINY_OUTPUTS; k++) {
        double sum = 0.0;
        for (unsigned n = end - covered; n < end; n++)
            sum += (double)scores[n][k];
        CHECK(fabs((double)answer[k] - sum / covered) <= 1e-6 * fabs(sum / covered) + 1e-7);
    }
}

static void check_window(uint32_t window, uint32_t hop) {
    float answer[TINY_OUTPUTS], asked[TINY_OUTPUTS], again[TINY_OUTPUTS];
    make(&mean, EL_MEAN, window, hop);
    el_stream *stream = new_stream(mean.model), *other = new_stream(mean.model);
    el_info info;
    CHECK_STATUS(el_model_info(mean.model, &info), EL_OK);
    unsigned char *saved = malloc(info.snapshot_size), *too = malloc(info.snapshot_size);
    CHECK(saved && too);
    for (unsigned n = 0; n < FRAMES; n++) {
        size_t emitted, emitted_too;
        CHECK_STATUS(el_stream_push(stream, frames[n], 1, answer, 1, &emitted), EL_OK);
        CHECK(emitted == ((n + 1) % hop == 0));
        bool asks = n % 3 == 0 || n < 20;
        if (asks) {
            CHECK_STATUS(el_stream_answer(stream, asked), EL_OK);
            CHECK(!emitted || memcmp(asked, answer, sizeof asked) == 0);
            check_mean(n + 1, window, hop, asked);
        } else if (emitted) {
            check_mean(n + 1, window, hop, answer);
        }
        if (n == 0 || n % 97 == 0) { /* the other never asks in between, and is restored */
            CHECK_STATUS(el_stream_save(stream, saved, info.snapshot_size), EL_OK);
            CHECK_STATUS(el_stream_restore(other, saved, info.snapshot_size), EL_OK);
            continue;
        }
        CHECK_STATUS(el_stream_push(other, frames[n], 1, again, 1, &emitted_too), EL_OK);
        CHECK(emitted == emitted_too && (!emitted || memcmp(answer, again, sizeof answer) == 0));
    }
    CHECK_STATUS(el_stream_save(stream, saved, info.snapshot_size), EL_OK);
    CHECK_STATUS(el_stream_save(other, too, info.snapshot_size), EL_OK);
    CHECK(memcmp(saved, too, info.snapshot_size) == 0);
    free(stream);
    free(other);
    free(saved);
    free(too);
}

int main(void) {
    static const uint32_t windows[][2] = {{1, 1},   {16, 1},    {17, 1},  {200, 1},
                                          {256, 1}, {257, 1},   {600, 2}, {200, 50},
                                          {51, 3},  {500, 500}, {1300, 1}};
    size_t n_scores;
    for (unsigned n = 0; n < FRAMES; n++)
        tiny_frame(n, frames[n]);
    make(&plain, EL_LAST, 0, 1);
    el_stream *stream = new_stream(plain.model);
    CHECK_STATUS(el_stream_push(stream, frames[0], FRAMES, scores[0], FRAMES, &n_scores), EL_OK);
    CHECK(n_scores == FRAMES);
    for (size_t n = 0; n < sizeof windows / sizeof *windows; n++)
        check_window(windows[n][0], windows[n][1]);
    free(stream);
    return 0;
}
