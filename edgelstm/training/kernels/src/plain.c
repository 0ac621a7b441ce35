#include "body.h"

const struct el_set el_set_plain = {"plain", EL_FUNCTIONS};
