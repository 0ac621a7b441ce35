#include "body.h"

const struct el_set el_set_neon = {"neon", EL_FUNCTIONS};
