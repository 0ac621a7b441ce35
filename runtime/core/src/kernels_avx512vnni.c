/* AVX-512 with VNNI: Ice Lake, Zen 4 and later. */
#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#error "compile this file with -mavx512bw -mavx512vl -mavx512vnni"
#endif

#include <immintrin.h>
#include <stdint.h>

#define LANES 32
#define TILE_GROUPS 2
#define X_OFFSET 128

#include "vectors.h"

static inline v16 multiply_q15(v16 a, v16 b) {
    return (v16)_mm512_mulhrs_epi16((__m512i)a, (__m512i)b);
}

static inline v16 add_saturating(v16 a, v16 b) {
    return (v16)_mm512_adds_epi16((__m512i)a, (__m512i)b);
}

static inline v32 multiply_q31(v32 a, v32 b) {
    __m512i half = _mm512_set1_epi64(INT64_C(1) << 30);
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32((__m512i)a, (__m512i)b), half);
    __m512i odd = _mm512_add_epi64(
        _mm512_mul_epi32(_mm512_srli_epi64((__m512i)a, 32), _mm512_srli_epi64((__m512i)b, 32)),
        half);
    return (v32)_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31),
                                        _mm512_slli_epi64(odd, 1));
}

static inline v16 narrow(v32 low, v32 high) {
    return (v16)_mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtsepi32_epi16((__m512i)low)),
                                   _mm512_cvtsepi32_epi16((__m512i)high), 1);
}

static inline v32 widen_low(v16 a) {
    return (v32)_mm512_cvtepi16_epi32(_mm512_castsi512_si256((__m512i)a));
}

static inline v32 widen_high(v16 a) {
    return (v32)_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64((__m512i)a, 1));
}

static inline v32 widen_int8(const int8_t *from) {
    return (v32)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline void store_int8(int8_t *to, v16 a) {
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtsepi16_epi8((__m512i)a));
}

static inline vf fuse(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

/* Add the products of `blocks` weight blocks, 16 rows × `columns` each, with x to `sums`. vpdpbusd
 * takes x as unsigned: X_OFFSET is added here and taken out again with the sums of the rows. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[1]) {
    __m512i offset = _mm512_set1_epi8((char)0x80);
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        int32_t four;
        __builtin_memcpy(&four, x + column, sizeof four);
        __m512i values = _mm512_xor_si512(_mm512_set1_epi32(four), offset);
        for (int block = 0; block < blocks; block++) {
            __m512i w = _mm512_load_si512(weights + (size_t)block * block_size);
            sums[block][0] = (v32)_mm512_dpbusd_epi32((__m512i)sums[block][0], values, w);
        }
    }
}

#include "kernels_vector.h"

const el_kernels el_kernels_avx512vnni = {
    .name = "avx512vnni",
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
};
