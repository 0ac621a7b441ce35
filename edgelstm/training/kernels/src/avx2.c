#include "body.h"

const struct el_set el_set_avx2 = {"avx2", EL_FUNCTIONS};
