/* What training's products reach of the processor's limit: float32 multiply-adds, one thread, the
 * shapes of an LSTM layer's step over 16 sequences of 40 values, instructions of this processor.
 *
 *     cmake -S benchmarks/c -B build/bench-c && cmake --build build/bench-c
 *     build/bench-c/training_products
 */
#include "product.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { INPUTS = 40, SEQUENCES = 16, ROWS = 64, ROUNDS = 40, MOST_UNITS = 256, SUMS = 12 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Small numbers: neither NaN nor denormal, which would take their own time. */
static float *numbers(size_t count) {
    float *all = aligned_alloc(64, (count * sizeof *all + 63) / 64 * 64);
    if (!all)
        exit(1);
    for (size_t n = 0; n < count; n++)
        all[n] = 0.001f * (float)(n % 7);
    return all;
}

#if defined(__x86_64__)
#define IN_A_REGISTER "+x"
#else
#define IN_A_REGISTER "+w"
#endif

/* 1e9 operations a second, two for a multiply-add, of sums in registers that wait for nothing. */
static double limit(float *room) {
    enum { TIMES = 1000000 };
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        vec sums[SUMS], one = load(room);
        for (size_t n = 0; n < SUMS; n++)
            sums[n] = load(room + n); /* of one value they would be one sum */
        const double start = seconds();
        for (size_t time = 0; time < TIMES; time++) {
            __asm__ volatile("" : IN_A_REGISTER(one)); /* no product is that of the time before */
#pragma GCC unroll 12
            for (size_t n = 0; n < SUMS; n++)
                sums[n] += one * one;
        }
#pragma GCC unroll 12
        for (size_t n = 0; n < SUMS; n++)
            __asm__ volatile("" : IN_A_REGISTER(sums[n])); /* each is wanted */
        const double now = 2e-9 * SUMS * LANES * TIMES / (seconds() - start);
        best = now > best ? now : best;
    }
    return best;
}

static double reached(const struct product *product) {
    const double operations =
        2.0 * (double)product->rows * (double)product->columns * (double)product->depth;
    const int times = 1 + (int)(2e7 / operations);
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = seconds();
        for (int time = 0; time < times; time++)
            multiply(product);
        const double now = 1e-9 * operations * times / (seconds() - start);
        best = now > best ? now : best;
    }
    return best;
}

int main(void) {
    const size_t most = row_size((size_t)4 * MOST_UNITS) * MOST_UNITS;
    float *a = numbers(most), *weights = numbers(most), *to = numbers(most);
    const double all = limit(to);
    printf("limit %.0f GFLOP/s\n", all);
    printf("units  dh = dz R  dR = dz' h  dW = dz' x\n");
    for (size_t units = 32; units <= MOST_UNITS; units *= 2) {
        const size_t gates = 4 * units, gate_row = gates + LANES;
        const struct product dh = {.rows = SEQUENCES,
                                   .columns = units,
                                   .depth = gates,
                                   .a = a,
                                   .a_row = gate_row,
                                   .a_place = 1,
                                   .p = weights,
                                   .to = to,
                                   .to_row = row_size(units)};
        struct product by_weights = {.rows = gates,
                                     .columns = units,
                                     .depth = ROWS,
                                     .a = a,
                                     .a_row = 1,
                                     .a_place = gate_row,
                                     .p = weights,
                                     .p_place = row_size(units),
                                     .to = to,
                                     .to_row = units,
                                     .adds = true};
        const double back = reached(&dh), recurrent = reached(&by_weights);
        by_weights.columns = by_weights.to_row = INPUTS;
        by_weights.p_place = row_size(INPUTS);
        const double input = reached(&by_weights);
        printf("%5zu  %6.0f %%  %7.0f %%  %7.0f %%\n", units, 100 * back / all,
               100 * recurrent / all, 100 * input / all);
    }
    free(a), free(weights), free(to);
    return 0;
}
