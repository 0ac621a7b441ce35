/* A pool is its streams: whatever frames come to whom, each row is the same stream alone, in every
 * bit, with any kernel set. */
#include "check.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define STREAMS 5
#define STEPS 40

static tiny_model tiny;
static el_info info; /* what depends on answers is that of streams that are asked for `asked` */
static const el_answer *asked;

static el_stream *new_stream(void) {
    el_stream *stream;
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    CHECK(memory != NULL);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, tiny.model, asked, &stream), EL_OK);
    return stream;
}

static el_pool *new_pool(void) {
    el_pool *pool;
    size_t size = el_pool_size(tiny.model, asked, STREAMS);
    CHECK(el_stream_size(tiny.model, asked) == info.stream_size &&
          info.stream_size % EL_ALIGNMENT == 0);
    CHECK(size == 64 + STREAMS * info.stream_size);
    void *memory = aligned_alloc(EL_ALIGNMENT, size);
    CHECK(memory != NULL);
    memset(memory, 0xA5, size);
    CHECK_STATUS(el_pool_init(memory, size - 1, tiny.model, asked, STREAMS, &pool),
                 EL_ERROR_MEMORY);
    CHECK_STATUS(el_pool_init(memory, size, tiny.model, asked, STREAMS, &pool), EL_OK);
    return pool;
}

/* Memory for frames that go together is no stream's of a pool. */
static void check_size(void) {
    tiny_make(&tiny, EL_INT8, EL_MEAN, 4, 2);
    CHECK_STATUS(tiny_open_with(&tiny, EL_NO_CHUNKS), EL_OK);
    size_t without = el_stream_size(tiny.model, NULL);
    size_t pool_size = el_pool_size(tiny.model, NULL, STREAMS);
    CHECK_STATUS(tiny_open_with(&tiny, EL_CHUNKS), EL_OK);
    CHECK(el_stream_size(tiny.model, NULL) > without);
    CHECK(el_pool_size(tiny.model, NULL, STREAMS) == pool_size);
}

static void check_same_state(el_stream *a, el_stream *b) {
    unsigned char of_a[4096], of_b[4096];
    CHECK_STATUS(el_stream_save(a, of_a, sizeof of_a), EL_OK);
    CHECK_STATUS(el_stream_save(b, of_b, sizeof of_b), EL_OK);
    CHECK(memcmp(of_a, of_b, info.snapshot_size) == 0);
}

static void check_rows(void) {
    el_pool *pool = new_pool();
    el_stream *alone[STREAMS];
    float frames[STREAMS][TINY_FEATURES], answers[STREAMS][TINY_OUTPUTS], answer[TINY_OUTPUTS];
    uint8_t mask[STREAMS], answered[STREAMS];
    for (unsigned n = 0; n < STREAMS; n++)
        alone[n] = new_stream();
    for (unsigned step = 0; step < STEPS; step++) {
        if (step == 11) { /* one starts anew; one goes on from another's state */
            unsigned char saved[4096];
            CHECK_STATUS(el_stream_reset(el_pool_stream(pool, 2)), EL_OK);
            CHECK_STATUS(el_stream_reset(alone[2]), EL_OK);
            CHECK_STATUS(el_stream_save(el_pool_stream(pool, 0), saved, sizeof saved), EL_OK);
            CHECK_STATUS(el_stream_restore(el_pool_stream(pool, 4), saved, info.snapshot_size),
                         EL_OK);
            CHECK_STATUS(el_stream_restore(alone[4], saved, info.snapshot_size), EL_OK);
        }
        for (unsigned n = 0; n < STREAMS; n++) {
            mask[n] = step % 7 == 0 || (step * 5 + n * 3) % 4 != 0;
            tiny_frame(step * 3 + n * 11, frames[n]);
            if (!mask[n])
                frames[n][1] = NAN; /* not read */
        }
        memset(answers, 0x55, sizeof answers);
        CHECK_STATUS(el_pool_push(pool, frames[0], step % 7 ? mask : NULL, answers[0], answered),
                     EL_OK);
        for (unsigned n = 0; n < STREAMS; n++) {
            size_t emitted = 0;
            memset(answer, 0x55, sizeof answer);
            if (mask[n])
                CHECK_STATUS(el_stream_push(alone[n], frames[n], 1, answer, 1, &emitted), EL_OK);
            CHECK(answered[n] == emitted);
            CHECK(memcmp(answer, answers[n], sizeof answer) == 0);
            check_same_state(el_pool_stream(pool, n), alone[n]);
        }
    }
    /* A refused push leaves every stream as it was. */
    tiny_frame(0, frames[STREAMS - 1]);
    frames[STREAMS - 1][0] = INFINITY;
    mask[STREAMS - 1] = 1;
    CHECK_STATUS(el_pool_push(pool, frames[0], mask, answers[0], answered), EL_ERROR_NOT_FINITE);
    for (unsigned n = 0; n < STREAMS; n++)
        check_same_state(el_pool_stream(pool, n), alone[n]);
    for (unsigned n = 0; n < STREAMS; n++)
        free(alone[n]);
    free(pool);
}

static void check_arguments(void) {
    el_pool *pool = new_pool();
    float frames[STREAMS][TINY_FEATURES] = {{0}};
    CHECK(el_pool_size(NULL, NULL, 1) == 0);
    CHECK(el_pool_size(tiny.model, NULL, 0) == 0);
    CHECK(el_pool_size(tiny.model, NULL, SIZE_MAX / 2) == 0);
    CHECK(el_pool_stream(pool, STREAMS) == NULL);
    CHECK(el_pool_stream(NULL, 0) == NULL);
    CHECK_STATUS(el_pool_init(pool, 64, tiny.model, NULL, 0, &pool), EL_ERROR_LIMIT);
    CHECK_STATUS(el_pool_init((char *)pool + 1, SIZE_MAX, tiny.model, NULL, 1, &pool),
                 EL_ERROR_ALIGNMENT);
    CHECK_STATUS(el_pool_push(pool, NULL, NULL, NULL, NULL), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_pool_push(pool, frames[0], NULL, NULL, NULL),
                 info.answer.hop == 1 ? EL_ERROR_CAPACITY : EL_OK);
    free(pool);
}

static void check_answers(el_precision precision, tiny_answer own, const el_answer *option) {
    asked = option;
    tiny_make(&tiny, precision, own.pooling, own.window, own.hop);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    if (asked != NULL)
        info.answer = *asked;
    info.stream_size = el_stream_size(tiny.model, asked);
    info.snapshot_size = el_stream_save_size(tiny.model, asked);
    check_rows();
    check_arguments();
}

int main(void) {
    check_size();
    static const char *const sets[] = {"scalar",     "avx2", "avxvnni",
                                       "avx512vnni", "neon", "dotprod"};
    static const tiny_answer answers[] = {
        {EL_LAST, 0, 1}, {EL_LAST, 0, 0}, {EL_LAST, 0, 3}, {EL_MEAN, 12, 4}, {EL_MEAN_MAX, 8, 2}};
    static const el_answer option = {EL_MEAN, 6, 3};
    int ran = 0;
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        CHECK(setenv("EDGELSTM_KERNEL", sets[set], 1) == 0);
        if (strcmp(el_kernel_name(), "none") == 0)
            continue;
        for (el_precision precision = EL_FLOAT32; precision <= EL_BF16; precision++) {
            for (size_t n = 0; n < sizeof answers / sizeof *answers; n++)
                check_answers(precision, answers[n], NULL);
            check_answers(precision, answers[0], &option);
            ran++;
        }
    }
    CHECK(ran >= 2);
    return 0;
}
