/* Captures: blocks of frames through one LSTM layer and one row of weights have the bits of frames
 * one by one, and of chunks. */
#include "check.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define FRAMES 150
#define MOST_UNITS 64

static tiny_model tiny;

typedef struct taken {
    float answers[FRAMES], newest;
    unsigned char state[8 * MOST_UNITS + 512];
} taken;

/* In pushes of `block` frames. */
static void take(const float *frames, uint32_t features, size_t block, unsigned flags, taken *to) {
    el_info info;
    el_stream *stream;
    memset(to, 0, sizeof *to);
    CHECK_STATUS(tiny_open_with(&tiny, flags), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    CHECK(memory != NULL && info.snapshot_size <= sizeof to->state);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, tiny.model, NULL, &stream), EL_OK);
    for (size_t n = 0, written; n < FRAMES; n += block) {
        size_t count = FRAMES - n < block ? FRAMES - n : block;
        CHECK_STATUS(
            el_stream_push(stream, frames + n * features, count, to->answers + n, count, &written),
            EL_OK);
        CHECK(written == count && el_stream_frames(stream) == n + count);
    }
    CHECK_STATUS(el_stream_answer(stream, &to->newest), EL_OK);
    CHECK_STATUS(el_stream_save(stream, to->state, sizeof to->state), EL_OK);
    free(memory);
}

static void check_units(uint32_t units, uint32_t features, el_pooling pooling) {
    static float frames[FRAMES * 80];
    static taken one_by_one, together;
    const tiny_layer layers[] = {{.kind = TINY_LSTM, .width = units},
                                 {.kind = TINY_DENSE, .width = 1}};
    for (size_t n = 0; n < (size_t)FRAMES * features; n++)
        frames[n] = 0.8f * sinf(0.31f * (float)n) + 0.3f * sinf(1.7f * (float)n);
    const tiny_answer answer = {.pooling = pooling, .window = 0, .hop = 1};
    tiny_build(&tiny, EL_FLOAT32, answer, features, layers, 2);
    tiny.file[56] = EL_LINEAR; /* no softmax of one score */
    tiny_seal(&tiny);
    take(frames, features, 1, 0, &one_by_one);
    CHECK(one_by_one.answers[FRAMES - 1] != one_by_one.answers[0]);
    CHECK(pooling != EL_LAST || one_by_one.newest == one_by_one.answers[FRAMES - 1]);
    const size_t blocks[] = {2, 64, 67, FRAMES};
    for (size_t n = 0; n < sizeof blocks / sizeof *blocks; n++)
        for (unsigned flags = 0; flags < 2; flags++) {
            take(frames, features, blocks[n], flags ? EL_CHUNKS : 0, &together);
            CHECK(memcmp(&one_by_one, &together, sizeof together) == 0);
        }
}

int main(void) {
    const uint32_t units[] = {3, 8, 16, 20, 25, 40, MOST_UNITS};
    for (size_t n = 0; n < sizeof units / sizeof *units; n++) {
        check_units(units[n], 1, EL_LAST);
        check_units(units[n], 3, EL_LAST);
    }
    check_units(20, 80, EL_LAST); /* a frame that is more than a block holds */
    check_units(20, 1, EL_MEAN);
    return 0;
}
