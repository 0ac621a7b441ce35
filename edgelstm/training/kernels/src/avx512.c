#include "body.h"

const struct el_set el_set_avx512 = {"avx512", EL_FUNCTIONS};
