/* exp, sigmoid and tanh against libm in double, and rounding at ties. */
#include "check.h"
#include "float_math.h"

#include <math.h>

int main(void) {
    for (float x = -100.0f; x <= 100.0f; x += 0.0007f) {
        if (x > -87.0f && x < 88.0f)
            CHECK(fabs(el_exp(x) / exp(x) - 1.0) < 2e-7);
        CHECK(fabs(el_sigmoid(x) - 1.0 / (1.0 + exp(-(double)x))) < 1.5e-7);
        CHECK(fabs(el_tanh(x) - tanh(x)) < 2e-7);
        CHECK(el_tanh(-x) == -el_tanh(x));
    }
    CHECK(el_sigmoid(1e30f) == 1.0f && el_sigmoid(-1e30f) >= 0.0f && el_tanh(1e30f) == 1.0f);
    CHECK(el_round(0.5f) == 0.0f && el_round(1.5f) == 2.0f && el_round(-2.5f) == -2.0f);
    CHECK(!el_is_finite(NAN) && !el_is_finite(INFINITY) && el_is_finite(3.4e38f));
    return 0;
}
