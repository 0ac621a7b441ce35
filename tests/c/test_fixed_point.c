/* Every value of sigmoid and tanh against libm; with "dump", all tables as int16 on stdout, for the
 * comparison with the numpy reference. */
#include "check.h"
#include "fixed_point.h"

#include <math.h>
#include <string.h>

static void dump(int32_t value) {
    int16_t narrow = (int16_t)value;
    fwrite(&narrow, sizeof narrow, 1, stdout);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "dump") == 0) {
        for (int32_t a = INT16_MIN; a <= INT16_MAX; a++)
            dump(el_sigmoid16(a));
        for (int bits = 0; bits <= 10; bits++)
            for (int32_t a = INT16_MIN; a <= INT16_MAX; a++)
                dump(el_tanh16(a, bits));
        return 0;
    }
    for (int32_t a = INT16_MIN; a <= INT16_MAX; a++) {
        CHECK(fabs(el_sigmoid16(a) - 32768.0 / (1.0 + exp(-a / 4096.0))) < 6.5);
        for (int bits = 0; bits <= 10; bits++)
            CHECK(fabs(el_tanh16(a, bits) - 32768.0 * tanh(a / (double)(1 << (15 - bits)))) < 12.1);
    }
    /* Ties: the right shift rounds them away from zero, the high product up. */
    CHECK(el_rounding_shift_right(3, 1) == 2 && el_rounding_shift_right(-3, 1) == -2);
    CHECK(el_rounding_shift_right(INT32_MIN, 31) == -1 && el_rounding_shift_right(1, 31) == 0);
    CHECK(el_multiply(1, 1 << 30, 0) == 1 && el_multiply(-1, 1 << 30, 0) == 0);    /* × 1/2 */
    CHECK(el_multiply(3, 1 << 30, -1) == 1 && el_multiply(-3, 1 << 30, -1) == -1); /* × 1/4 */
    CHECK(el_multiply(1 << 30, 1 << 30, 2) == 0); /* the left shift wraps */
    CHECK(el_multiply_q15(INT16_MIN, INT16_MIN) == INT16_MAX);
    return 0;
}
