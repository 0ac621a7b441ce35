/* Reading and bounding the fields of a file. */
#ifndef EL_FIELDS_H
#define EL_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* With |bias| ≤ 2^30 and at most 2^14 columns of |weight| ≤ 127 times |x - zero point| ≤ 255, a sum
 * stays below 2^30 + 2^29: int32 cannot overflow. */
#define EL_MAX_BIAS (1 << 30)
/* float32 weights beyond this are no model; the bound keeps every sum finite. */
#define EL_MAX_FLOAT_WEIGHT 1e6f

static inline uint16_t el_u16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t el_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline int32_t el_i32(const uint8_t *at) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline float el_f32(const uint8_t *at) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline bool el_is_finite_up_to(float value, float limit) {
    return value >= -limit && value <= limit;
}

static inline bool el_is_code(int32_t value) {
    return value >= INT8_MIN && value <= INT8_MAX;
}

static inline bool el_all_zero(const uint8_t *bytes, size_t size) {
    for (size_t n = 0; n < size; n++)
        if (bytes[n] != 0)
            return false;
    return true;
}

static inline bool el_is_multiplier(int32_t mantissa, int32_t shift) {
    if (mantissa == 0)
        return shift == 0;
    return mantissa >= (1 << 30) && shift >= -31 && shift <= 30;
}

#endif
