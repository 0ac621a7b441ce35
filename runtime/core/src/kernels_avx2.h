/* What AVX2 and AVX-VNNI share: 256-bit registers. */
#include <immintrin.h>
#include <stdint.h>

#define LANES 16
#define TILE_GROUPS 1

#include "vectors.h"

static inline v16 multiply_q15(v16 a, v16 b) {
    return (v16)_mm256_mulhrs_epi16((__m256i)a, (__m256i)b);
}

static inline v16 add_saturating(v16 a, v16 b) {
    return (v16)_mm256_adds_epi16((__m256i)a, (__m256i)b);
}

static inline v32 multiply_q31(v32 a, v32 b) {
    __m256i half = _mm256_set1_epi64x(INT64_C(1) << 30);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32((__m256i)a, (__m256i)b), half);
    __m256i odd = _mm256_add_epi64(
        _mm256_mul_epi32(_mm256_srli_epi64((__m256i)a, 32), _mm256_srli_epi64((__m256i)b, 32)),
        half);
    return (v32)_mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

static inline v16 narrow(v32 low, v32 high) {
    __m256i packed = _mm256_packs_epi32((__m256i)low, (__m256i)high); /* within 128-bit halves */
    return (v16)_mm256_permute4x64_epi64(packed, 0xD8);
}

static inline v32 widen_low(v16 a) {
    return (v32)_mm256_cvtepi16_epi32(_mm256_castsi256_si128((__m256i)a));
}

static inline v32 widen_high(v16 a) {
    return (v32)_mm256_cvtepi16_epi32(_mm256_extracti128_si256((__m256i)a, 1));
}

static inline v32 widen_int8(const int8_t *from) {
    return (v32)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

static inline void store_int8(int8_t *to, v16 a) {
    __m128i packed = _mm_packs_epi16(_mm256_castsi256_si128((__m256i)a),
                                     _mm256_extracti128_si256((__m256i)a, 1));
    _mm_storeu_si128((__m128i *)(void *)to, packed);
}

static inline vf fuse(vf a, vf b, vf c) {
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
