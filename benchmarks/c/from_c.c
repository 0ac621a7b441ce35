/* What a frame costs from C, beside a plain int8 matrix-vector product of the same bytes: the limit
 * of this machine.
 *
 *     from_c MODEL FEATURES UNITS LAYERS OUTPUTS
 *
 * Prints one line of JSON: nanoseconds per frame and per product, median and 90th percentile over
 * rounds that take turns. */
#define _POSIX_C_SOURCE 200809L
#include "plain_product.h"

#include <edgelstm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 2000, WARM_CALLS = 4, CALLS = 16, FRAMES = 64 };

static void *aligned(size_t size) {
    size_t whole = (size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT;
    void *memory = aligned_alloc(EL_ALIGNMENT, whole);
    if (memory == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", size);
        exit(1);
    }
    memset(memory, 1, whole);
    return memory;
}

static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *size = (size_t)ftell(file);
    void *bytes = aligned(*size);
    rewind(file);
    if (fread(bytes, 1, *size, file) != *size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return bytes;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The matrices of a model as one product each, rows padded to 16 and columns to 8 as in the file.
 */
typedef struct product {
    int8_t *weights, *x;
    int32_t *sums;
    size_t blocks, columns;
} product;

static product make_product(size_t rows, size_t columns) {
    product p = {.blocks = (rows + 15) / 16, .columns = (columns + 7) / 8 * 8};
    p.weights = aligned(p.blocks * 16 * p.columns);
    p.x = aligned(p.columns);
    p.sums = aligned(p.blocks * 16 * sizeof *p.sums);
    return p;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: from_c MODEL FEATURES UNITS LAYERS OUTPUTS\n");
        return 2;
    }
    size_t features = strtoul(argv[2], NULL, 10), units = strtoul(argv[3], NULL, 10);
    size_t layers = strtoul(argv[4], NULL, 10), outputs = strtoul(argv[5], NULL, 10), size;
    static _Alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
    void *file = read_file(argv[1], &size);
    el_model *model;
    el_info info;
    el_stream *stream;
    el_status status = el_model_open(memory, sizeof memory, file, size, 0, &model);
    if (status == EL_OK)
        status = el_model_info(model, &info);
    if (status == EL_OK)
        status = el_stream_init(aligned((size_t)info.stream_size), (size_t)info.stream_size, model,
                                NULL, &stream);
    if (status != EL_OK || info.features != features || info.outputs != outputs || layers > 15) {
        fprintf(stderr, "%s: %s\n", argv[1],
                status != EL_OK ? el_status_message(status) : "another shape");
        return 1;
    }
    float *frames = aligned(FRAMES * features * sizeof *frames);
    srand(1);
    for (size_t n = 0; n < FRAMES * features; n++)
        frames[n] = (float)rand() / (float)RAND_MAX * 2.0f - 1.0f;
    float *answer = aligned(outputs * sizeof *answer);
    product products[16];
    for (size_t n = 0; n < layers; n++)
        products[n] = make_product(4 * units, (n ? units : features + 7) / 8 * 8 + units);
    products[layers] = make_product(outputs, units);

    static double frame_ns[ROUNDS], product_ns[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double start = 0;
        for (int call = -WARM_CALLS; call < CALLS; call++) {
            if (call == 0)
                start = now();
            const float *frame = frames + (size_t)(call + WARM_CALLS) % FRAMES * features;
            if (el_stream_push(stream, frame, 1, answer, 1, NULL) != EL_OK)
                return 1;
        }
        frame_ns[round] = (now() - start) / CALLS;
        for (int call = -WARM_CALLS; call < CALLS; call++) {
            if (call == 0)
                start = now();
            for (size_t n = 0; n <= layers; n++)
                plain_product(products[n].weights, products[n].blocks, products[n].columns,
                              products[n].x, products[n].sums);
        }
        product_ns[round] = (now() - start) / CALLS;
    }
    qsort(frame_ns, ROUNDS, sizeof *frame_ns, compare);
    qsort(product_ns, ROUNDS, sizeof *product_ns, compare);
    printf("{\"kernel\": \"%s\", \"product\": \"%s\", \"frame_ns\": [%.1f, %.1f], "
           "\"product_ns\": [%.1f, %.1f]}\n",
           el_kernel_name(), plain_product_name, frame_ns[ROUNDS / 2], frame_ns[ROUNDS * 9 / 10],
           product_ns[ROUNDS / 2], product_ns[ROUNDS * 9 / 10]);
    return 0;
}
