/* Log-mel's powers: every kernel set that runs here against one value at a time, in every bit, and
 * these against a discrete Fourier transform in double precision. */
#include "check.h"

#include "kernel_sets.h"
#include "kernels/logmel_steps.h"

#include <math.h>
#include <string.h>

#define MOST_SIZE 1024u
#define GUARD 8u

static const double pi = 3.14159265358979323846;

static int32_t taper[MOST_SIZE], turns[4 * MOST_SIZE];
static int16_t samples[MOST_SIZE];
static int32_t work[2 * MOST_SIZE + GUARD];
static uint16_t filters[2 * 3 + 100];
static uint64_t expected[MOST_SIZE / 2 + 1 + GUARD], got[MOST_SIZE / 2 + 1 + GUARD];

static int32_t q31(double value) {
    double scaled = round(value * 2147483648.0);
    return (int32_t)(scaled > 2147483647.0    ? 2147483647.0
                     : scaled < -2147483647.0 ? -2147483647.0
                                              : scaled);
}

static el_logmel tables(uint32_t size, uint32_t window) {
    int32_t *at = turns;
    for (uint32_t n = 0; n < window; n++)
        taper[n / 2 + (n % 2) * (window / 2)] = q31(0.5 - 0.5 * cos(2 * pi * n / window));
    for (uint32_t n = size / 2; n > 4; n /= 4)
        for (uint32_t times = 1; times < 4; times++, at += n / 2)
            for (uint32_t p = 0; p < n / 4; p++) {
                at[p] = q31(cos(2 * pi * times * p / n));
                at[n / 4 + p] = q31(-sin(2 * pi * times * p / n));
            }
    for (uint32_t k = 0; k < size / 4; k++) {
        at[k] = q31(cos(2 * pi * k / size));
        at[size / 4 + k] = q31(-sin(2 * pi * k / size));
    }
    return (el_logmel){.taper = taper, .turns = turns, .size = size, .window = window};
}

/* What is hard: noise of every size, square waves at full scale, a constant. */
static void draw(uint32_t kind) {
    for (uint32_t n = 0; n < MOST_SIZE; n++)
        switch (kind) {
        case 0:
            samples[n] = (int16_t)between(-32768, 32767);
            break;
        case 1:
            samples[n] = (int16_t)between(-2, 2);
            break;
        case 2:
            samples[n] = n / 8 % 2 ? INT16_MIN : INT16_MAX;
            break;
        case 3:
            samples[n] = INT16_MIN;
            break;
        default:
            samples[n] = (int16_t)(between(0, 1) ? INT16_MIN : INT16_MAX);
        }
}

static double power_in_double(const el_logmel *logmel, uint32_t k) {
    double re = 0, im = 0;
    for (uint32_t n = 0; n < logmel->window; n++) {
        double x = samples[n] * (0.5 - 0.5 * cos(2 * pi * n / logmel->window));
        re += x * cos(2 * pi * k * n / logmel->size);
        im -= x * sin(2 * pi * k * n / logmel->size);
    }
    return re * re + im * im;
}

/* Of bands of any number of frequencies. */
static void compare_energies(const el_logmel *logmel, const el_kernels *set) {
    el_logmel of = *logmel;
    uint64_t one[3], other[3];
    of.filters = filters;
    of.bands = 3;
    for (uint32_t n = 0; n < 3; n++) {
        filters[2 * n] = (uint16_t)between(0, (int32_t)of.size / 2 - 32);
        filters[2 * n + 1] = (uint16_t)between(1, 33);
    }
    for (uint32_t n = 6; n < 106; n++)
        filters[n] = (uint16_t)between(0, 4096);
    el_logmel_energies(&of, expected, one);
    set->logmel_energies(&of, expected, other);
    CHECK(memcmp(one, other, sizeof one) == 0);
}

static void compare(const el_logmel *logmel) {
    const size_t bytes = (logmel->size / 2 + 1) * sizeof *expected;
    el_logmel_power(logmel, samples, work, expected);
    for (size_t n = 0; n < n_sets; n++) {
        memset(got, 0x55, sizeof got);
        if (sets[n]->logmel_power == NULL)
            continue;
        sets[n]->logmel_power(logmel, samples, work, got);
        CHECK(memcmp(expected, got, bytes) == 0);
        CHECK(got[logmel->size / 2 + 1] == UINT64_C(0x5555555555555555));
        compare_energies(logmel, sets[n]);
    }
}

int main(void) {
    const uint32_t sizes[] = {256, 512, 1024};
    find_sets();
    for (size_t s = 0; s < 3; s++)
        for (uint32_t window = 2; window <= sizes[s];
             window += window < 40 ? 2 : sizes[s] / 4 - 9) {
            el_logmel logmel = tables(sizes[s], window & ~1u);
            for (uint32_t kind = 0; kind < 5; kind++) {
                draw(kind);
                compare(&logmel);
            }
        }
    for (size_t s = 0; s < 3; s++) {
        el_logmel logmel = tables(sizes[s], sizes[s] / 4 * 3);
        draw(0);
        el_logmel_power(&logmel, samples, work, expected);
        for (uint32_t k = 0; k <= sizes[s] / 2; k += 7) {
            double want = power_in_double(&logmel, k);
            CHECK(fabs((double)expected[k] / 8 - want) < 1e-5 * want + 4 * sqrt(want) + 4);
        }
    }
    return 0;
}
