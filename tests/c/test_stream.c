/* The law: N frames one by one = one push = any split = save, restore, go on = a copy; nothing else
 * resets. */
#include "check.h"
#include "counts.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define FRAMES 41

static tiny_model tiny, other;
static float frames[FRAMES][TINY_FEATURES];
static size_t step; /* from one split, or changed byte, to the next */

static el_stream *new_stream(const el_model *model) {
    el_info info;
    el_stream *stream;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    CHECK(memory != NULL);
    memset(memory, 0xA5, info.stream_size); /* the memory need not be clean */
    CHECK_STATUS(el_stream_init(memory, info.stream_size, model, NULL, &stream), EL_OK);
    return stream;
}

/* `flags`: whether frames of a push go together. */
static void check_law(el_precision precision, el_pooling pooling, uint32_t window, uint32_t hop,
                      unsigned flags) {
    tiny_make(&tiny, precision, pooling, window, hop);
    CHECK_STATUS(tiny_open_with(&tiny, flags), EL_OK);
    el_info info;
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    float once[FRAMES][TINY_OUTPUTS], again[FRAMES][TINY_OUTPUTS], last[TINY_OUTPUTS],
        answer[TINY_OUTPUTS];
    size_t n_once, n_again = 0, n;

    el_stream *whole = new_stream(tiny.model);
    CHECK_STATUS(el_stream_answer(whole, answer), EL_ERROR_NO_FRAMES);
    CHECK_STATUS(el_stream_push(whole, frames[0], FRAMES, once[0], FRAMES, &n_once), EL_OK);
    CHECK(n_once == (hop ? FRAMES / hop : 0));
    CHECK_STATUS(el_stream_answer(whole, last), EL_OK);
    CHECK(fabsf(last[0] + last[1] - 1.0f) < 1e-6f);
    unsigned char saved_whole[4096], saved[4096];
    CHECK_STATUS(el_stream_save(whole, saved_whole, sizeof saved_whole), EL_OK);

    for (size_t split = 0; split <= FRAMES; split += step) {
        el_stream *first = new_stream(tiny.model), *second = new_stream(tiny.model);
        float early[TINY_OUTPUTS];
        CHECK_STATUS(el_stream_push(first, frames[0], split, again[0], FRAMES, &n_again), EL_OK);
        if (split)
            CHECK_STATUS(el_stream_answer(first, early), EL_OK); /* asking changes nothing */
        CHECK_STATUS(el_stream_save(first, saved, sizeof saved), EL_OK);
        CHECK_STATUS(el_stream_restore(second, saved, info.snapshot_size), EL_OK);
        for (size_t k = split; k < FRAMES; k++, n_again += n)
            CHECK_STATUS(el_stream_push(second, frames[k], 1, again[n_again], FRAMES - n_again, &n),
                         EL_OK);
        CHECK(n_again == n_once && memcmp(once, again, n_once * sizeof *once) == 0);
        CHECK_STATUS(el_stream_answer(second, answer), EL_OK);
        CHECK(memcmp(answer, last, sizeof last) == 0);
        CHECK_STATUS(el_stream_save(second, saved, sizeof saved), EL_OK);
        CHECK(memcmp(saved, saved_whole, info.snapshot_size) == 0);

        /* Copying the bytes clones a stream. */
        void *moved = aligned_alloc(EL_ALIGNMENT, info.stream_size);
        CHECK(moved != NULL);
        memcpy(moved, first, info.stream_size);
        size_t n_moved = 0;
        if (split < FRAMES) {
            CHECK_STATUS(
                el_stream_push(moved, frames[split], FRAMES - split, again[0], FRAMES, &n_moved),
                EL_OK);
            CHECK(memcmp(again, once[n_once - n_moved], n_moved * sizeof *once) == 0);
        }
        free(moved);
        free(first);
        free(second);
    }

    /* A refused push leaves the stream as it was. */
    float bad[2][TINY_FEATURES] = {{0}, {0, NAN, 0}};
    CHECK_STATUS(el_stream_push(whole, bad[0], 2, again[0], FRAMES, &n), EL_ERROR_NOT_FINITE);
    bad[1][1] = -INFINITY;
    CHECK_STATUS(el_stream_push(whole, bad[0], 2, again[0], FRAMES, &n), EL_ERROR_NOT_FINITE);
    if (hop)
        CHECK_STATUS(el_stream_push(whole, frames[0], hop, again[0], 0, &n), EL_ERROR_CAPACITY);
    CHECK_STATUS(el_stream_restore(whole, saved, info.snapshot_size - 1), EL_ERROR_TRUNCATED);
    for (size_t at = 0; at < info.snapshot_size; at += step) {
        memcpy(saved, saved_whole, info.snapshot_size);
        saved[at] ^= 4;
        CHECK(el_stream_restore(whole, saved, info.snapshot_size) != EL_OK);
    }
    CHECK_STATUS(el_stream_save(whole, saved, sizeof saved), EL_OK);
    CHECK(memcmp(saved, saved_whole, info.snapshot_size) == 0);

    /* Reset is the only way back. */
    CHECK_STATUS(el_stream_reset(whole), EL_OK);
    CHECK(el_stream_frames(whole) == 0);
    CHECK_STATUS(el_stream_push(whole, frames[0], FRAMES, again[0], FRAMES, &n), EL_OK);
    CHECK(memcmp(once, again, n_once * sizeof *once) == 0);
    free(whole);
}

static void check_other_model(void) {
    unsigned char saved[4096];
    tiny_make(&tiny, EL_INT8, EL_LAST, 0, 1);
    tiny_make(&other, EL_INT8, EL_LAST, 0, 1);
    other.file[24] ^= 1; /* the identity */
    tiny_seal(&other);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(tiny_open(&other), EL_OK);
    el_info info;
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    el_stream *a = new_stream(tiny.model), *b = new_stream(other.model);
    CHECK_STATUS(el_stream_save(a, saved, sizeof saved), EL_OK);
    CHECK_STATUS(el_stream_restore(b, saved, info.snapshot_size), EL_ERROR_IDENTITY);
    free(a);
    free(b);
}

/* Where a file says that layers begin anew after so many frames, they do: as in a stream of the
 * plain model that is reset there, but that its frames count on. In
 * pushes of `each` frames. */
static void check_anew(el_precision precision, uint32_t anew, size_t each) {
    float wanted[FRAMES][TINY_OUTPUTS], found[FRAMES][TINY_OUTPUTS], asked[TINY_OUTPUTS];
    unsigned char saved[4096];
    size_t n, n_found = 0;
    tiny_make(&other, precision, EL_LAST, 0, 1);
    tiny_make(&tiny, precision, EL_LAST, 0, 1);
    tiny.file[104] = (unsigned char)anew;
    tiny_seal(&tiny);
    CHECK_STATUS(tiny_open_with(&tiny, EL_CHUNKS), EL_OK);
    CHECK_STATUS(tiny_open(&other), EL_OK);
    el_info info;
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK(info.anew == anew);
    el_stream *plain = new_stream(other.model), *stream = new_stream(tiny.model);
    for (size_t k = 0; k < FRAMES; k++) {
        if (k % anew == 0)
            CHECK_STATUS(el_stream_reset(plain), EL_OK);
        CHECK_STATUS(el_stream_push(plain, frames[k], 1, wanted[k], 1, &n), EL_OK);
    }
    for (size_t k = 0; k < FRAMES; k += each, n_found += n) { /* from one saved state to the next */
        size_t count = FRAMES - k < each ? FRAMES - k : each;
        CHECK_STATUS(el_stream_push(stream, frames[k], count, found[k], count, &n), EL_OK);
        CHECK_STATUS(el_stream_answer(stream, asked), EL_OK);
        CHECK(memcmp(asked, found[k + count - 1], sizeof asked) == 0);
        CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
        CHECK_STATUS(el_stream_reset(stream), EL_OK);
        CHECK_STATUS(el_stream_restore(stream, saved, info.snapshot_size), EL_OK);
    }
    CHECK(n_found == FRAMES && memcmp(wanted, found, sizeof wanted) == 0);
    CHECK(el_stream_frames(stream) == FRAMES);
    tiny.file[106] = 0xFF; /* more than a stride may be */
    tiny_seal(&tiny);
    CHECK_STATUS(tiny_open(&tiny), EL_ERROR_LIMIT);
    free(plain);
    free(stream);
}

static const el_answer answers[] = {
    {EL_LAST, 0, 1},     {EL_LAST, 0, 0},      {EL_LAST, 0, 3},      {EL_MEAN, 0, 1},
    {EL_MEAN, 0, 0},     {EL_MEAN, 12, 4},     {EL_MEAN, 4, 4},      {EL_MEAN, 7, 1},
    {EL_MEAN, 20, 1}, /* more blocks than one total stands for */
    {EL_MEAN_MAX, 0, 1}, {EL_MEAN_MAX, 12, 4}, {EL_MEAN_MAX, 20, 1},
};

int main(void) {
    step = counted(8, 1, 1);
    for (unsigned n = 0; n < FRAMES; n++)
        tiny_frame(n, frames[n]);
    for (el_precision precision = EL_FLOAT32; precision <= EL_BF16; precision++) {
        for (size_t n = 0; n < sizeof answers / sizeof *answers; n++) {
            const el_answer *of = &answers[n];
            check_law(precision, (el_pooling)of->pooling, of->window, of->hop, EL_NO_CHUNKS);
            check_law(precision, (el_pooling)of->pooling, of->window, of->hop, EL_CHUNKS);
        }
        check_anew(precision, 1, 3);
        check_anew(precision, 7, 3);
        check_anew(precision, 7, FRAMES);
    }
    check_other_model();
    return 0;
}
