/* 16-bit inputs: products that every kernel set makes of two of 8 bits, and streams over them. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include "check.h"
#include "kernel_sets.h"
#include "layers/matrix.h"
#include "tiny_model.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 64u
#define TABLE_WORDS (TINY_TABLE + 3 * TINY_ENTRY)

static tiny_model tiny, other;

/* A matrix of 16·groups rows × `inputs` against sums in 64 bits; `extreme`: all at its ends. */
static void test_product(const el_kernels *kernels, uint32_t groups, uint32_t inputs, int extreme) {
    static _Alignas(64) int8_t weights[MOST_ROWS * 512];
    static _Alignas(64) el_rows rows[MOST_ROWS / 16];
    static _Alignas(64) unsigned char work[1 << 14];
    static _Alignas(64) int32_t sums[MOST_ROWS + 16];
    static int16_t x[512];
    uint32_t columns = (inputs + 7) / 8 * 8;
    el_model model = {.kernels = kernels};
    el_matrix matrix = {weights, rows, columns, inputs, groups, 0};
    int64_t wanted[MOST_ROWS] = {0};
    memset(weights, 0, sizeof weights);
    memset(rows, 0, sizeof rows);
    for (uint32_t n = 0; n < inputs; n++)
        x[n] = (int16_t)(extreme ? -32768 : between(-32768, 32767));
    for (uint32_t row = 0; row < 16 * groups; row++) {
        el_rows *record = &rows[row / 16];
        record->bias[row % 16] =
            extreme ? (row & 1 ? -1 : 1) * ((1 << 24) - 1) : between(-9999, 9999);
        wanted[row] = record->bias[row % 16];
        for (uint32_t n = 0; n < inputs; n++) {
            int8_t w = (int8_t)(extreme ? (row & 1 ? 127 : -127) : between(-127, 127));
            weights[row / 16 * 16 * columns + n / 4 * 64 + row % 16 * 4 + n % 4] = w;
            record->sum_w[row % 16] += w;
            wanted[row] += (int64_t)w * x[n];
        }
    }
    CHECK(el_wide_work(&matrix) <= sizeof work);
    CHECK_STATUS(el_check_wide(&matrix, inputs), EL_OK);
    el_wide_product(&model, &matrix, x, inputs, sums, work);
    for (uint32_t row = 0; row < 16 * groups; row++)
        CHECK(sums[row] == wanted[row]);
}

/* Layers that read the input, and a dense one behind. */
static const tiny_layer firsts[][3] = {
    {{TINY_LSTM, 5, 0, {0}}, {TINY_DENSE, 4, 1, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}},
    {{TINY_LSTM, 33, 0, {0}}, {TINY_DENSE, 4, 1, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}},
    {{TINY_GRU, 18, 0, {0}}, {TINY_DENSE, 4, 1, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}},
    {{TINY_GRU, 5, 0, {1}}, {TINY_DENSE, 4, 1, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}},
    {{TINY_DENSE, 17, 1, {0}}, {TINY_LSTM, 6, 0, {0}}, {TINY_DENSE, TINY_OUTPUTS, 0, {0}}},
};
#define FIRSTS (sizeof firsts / sizeof *firsts)

static void make(tiny_model *made, size_t first) {
    tiny_build_wide(made, (tiny_answer){EL_LAST, 0, 1}, TINY_FEATURES, firsts[first], 3);
}

/* Answers of 30 frames from a fresh stream, and a pool beside it that gives the same. */
static void run(tiny_model *made, float answers[30][TINY_OUTPUTS]) {
    enum { STREAMS = 5 };
    size_t size = el_stream_size(made->model, NULL),
           pool_size = el_pool_size(made->model, NULL, STREAMS);
    void *memory = aligned_alloc(64, size), *pool_memory = aligned_alloc(64, pool_size);
    float frames[STREAMS][TINY_FEATURES], pooled[STREAMS][TINY_OUTPUTS];
    el_stream *stream;
    el_pool *pool;
    CHECK(memory != NULL && pool_memory != NULL);
    CHECK_STATUS(el_stream_init(memory, size, made->model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_pool_init(pool_memory, pool_size, made->model, NULL, STREAMS, &pool), EL_OK);
    for (unsigned n = 0; n < 30; n++) {
        for (int k = 0; k < STREAMS; k++)
            tiny_frame(n, frames[k]);
        CHECK_STATUS(el_stream_push(stream, frames[0], 1, answers[n], 1, NULL), EL_OK);
        CHECK_STATUS(el_pool_push(pool, frames[0], NULL, pooled[0], NULL), EL_OK);
        for (int k = 0; k < STREAMS; k++)
            CHECK(memcmp(pooled[k], answers[n], sizeof pooled[k]) == 0);
    }
    free(memory);
    free(pool_memory);
}

static void test_streams(void) {
    for (size_t first = 0; first < FIRSTS; first++) {
        float wanted[30][TINY_OUTPUTS], answers[30][TINY_OUTPUTS];
        for (size_t n = 0; n <= n_sets; n++) {
            const char *name = n == 0 ? "scalar" : sets[n - 1]->name;
            CHECK(setenv("EDGELSTM_KERNEL", name, 1) == 0);
            make(&tiny, first);
            CHECK_STATUS(tiny_open(&tiny), EL_OK);
            run(&tiny, n == 0 ? wanted : answers);
            if (n != 0)
                CHECK(memcmp(answers, wanted, sizeof wanted) == 0);
        }
        CHECK(memcmp(wanted[3], wanted[29], sizeof *wanted) != 0);
    }
}

/* Past the checksum: to make sums takes most of the time of a sanitized run. */
static el_status with_word(size_t at, uint32_t value) {
    memcpy(other.file + at, &value, sizeof value);
    return tiny_open_with(&other, EL_SKIP_CHECKSUM);
}

static el_status with(size_t first, size_t at, uint32_t value) {
    make(&other, first);
    return with_word(at, value);
}

static uint32_t word(size_t at) {
    uint32_t value;
    memcpy(&value, other.file + at, sizeof value);
    return value;
}

static void test_refusals(void) {
    for (size_t first = 0; first < FIRSTS; first++) {
        CHECK_STATUS(with(first, 100, 2), EL_ERROR_FIELD);
        CHECK_STATUS(with(first, 44, 513), EL_ERROR_LIMIT);
        CHECK_STATUS(with(first, 96, 0), EL_ERROR_FIELD);              /* no mean */
        CHECK_STATUS(with(first, TINY_TABLE + 64, 1), EL_ERROR_FIELD); /* a zero point */
        CHECK_STATUS(with(first, TINY_TABLE, TINY_CONTEXT), EL_ERROR_FIELD);
        /* a bias that leaves int32 together with three products */
        make(&other, first);
        CHECK_STATUS(with(first, word(TINY_TABLE + TINY_WEIGHTS + 8), INT32_MAX), EL_ERROR_WEIGHTS);
    }
    make(&other, 0); /* W apart */
    uint32_t apart = word(TINY_TABLE + TINY_WEIGHTS + 16);
    CHECK_STATUS(with(0, TINY_TABLE + TINY_WEIGHTS + 20, 0), EL_ERROR_FIELD);
    CHECK_STATUS(with(0, TINY_TABLE + TINY_WEIGHTS + 20, 64), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(0, TINY_TABLE + TINY_WEIGHTS + 16, 0x7FFFFFC0), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(0, apart, 0x80), EL_ERROR_WEIGHTS);
    tiny_make(&other, EL_FLOAT32, EL_LAST, 0, 1);
    other.file[100] = 1;
    tiny_seal(&other);
    CHECK_STATUS(tiny_open(&other), EL_ERROR_FIELD);
}

/* Every word of header and table at edges of its type: an error, or a model that runs. */
static void test_hostile_words(void) {
    static const uint32_t edges[] = {
        0,   1,     2,          7,          63,       64,         128,         512,
        513, 16384, 0x7FFFFFC0, 0x7FFFFFFF, 1u << 20, 0x80000000, 0xFFFFFFC0u, 0xFFFFFFFFu};
    for (size_t first = 0; first < FIRSTS; first++) {
        make(&other, first);
        for (size_t at = 16; at < TABLE_WORDS; at += 4) {
            uint32_t right = word(at);
            for (size_t n = 0; n < sizeof edges / sizeof *edges; n++)
                if (with_word(at, edges[n]) == EL_OK &&
                    el_stream_size(other.model, NULL) < 1 << 20) {
                    static _Alignas(64) unsigned char memory[1 << 20];
                    static float frames[1024], answer[1024];
                    el_stream *stream;
                    CHECK_STATUS(el_stream_init(memory, sizeof memory, other.model, NULL, &stream),
                                 EL_OK);
                    (void)el_stream_push(stream, frames, 1, answer, 1, NULL);
                }
            CHECK_STATUS(with_word(at, right), EL_OK);
        }
    }
}

int main(void) {
    find_sets();
    for (size_t n = 0; n <= n_sets; n++)
        for (uint32_t groups = 1; groups <= MOST_ROWS / 16; groups++) {
            const el_kernels *kernels = n ? sets[n - 1] : &el_kernels_scalar;
            for (uint32_t inputs = 1; inputs <= 512; inputs += inputs < 20 ? 1 : 123)
                test_product(kernels, groups, inputs, 0);
            test_product(kernels, groups, 512, 1);
        }
    test_streams();
    test_refusals();
    test_hostile_words();
    return 0;
}
