/* AVX-512 with VNNI: Ice Lake, Zen 4 and later. */
#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#error "compile this file with -mavx512bw -mavx512vl -mavx512vnni"
#endif

#include <immintrin.h>
#include <stdint.h>

#define LANES 32
#define TILE_GROUPS 4
#define X_OFFSET 128

#include "vectors.h"

#define REGISTER __m512i
#define FLOATS __m512
#define DO(name) _mm512_##name
#define UPPER_HALVES(even, odd) _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB)
#include "kernels_x86.h"

static inline v16 with_sign(v16 magnitude, v16 a) {
    __m512i zero = _mm512_setzero_si512();
    __mmask32 negative = _mm512_movepi16_mask((__m512i)a);
    __m512i either =
        _mm512_maskz_mov_epi16(_mm512_test_epi16_mask((__m512i)a, (__m512i)a), (__m512i)magnitude);
    return (v16)_mm512_mask_sub_epi16(either, negative, zero, either);
}

static inline v16 where_positive(v16 a, v16 yes, v16 no) {
    __mmask32 positive = _mm512_cmpgt_epi16_mask((__m512i)a, _mm512_setzero_si512());
    return (v16)_mm512_mask_mov_epi16((__m512i)no, positive, (__m512i)yes);
}

static inline v16 where_zero(v16 a, v16 yes, v16 no) {
    __mmask32 zero = _mm512_testn_epi16_mask((__m512i)a, (__m512i)a);
    return (v16)_mm512_mask_mov_epi16((__m512i)no, zero, (__m512i)yes);
}

static inline v16 multiply_where_clear(v16 value, int factor, v16 a, int bit) {
    __mmask32 clear = _mm512_testn_epi16_mask((__m512i)a, _mm512_set1_epi16((int16_t)bit));
    return (v16)_mm512_mask_mulhrs_epi16((__m512i)value, clear, (__m512i)value,
                                         _mm512_set1_epi16((int16_t)factor));
}

/* For bits ≥ 1 where `lanes` says so; the other lanes stay as they are. `less_one` is bits - 1. */
static inline __m512i round_lanes(__mmask16 lanes, __m512i value, __m512i less_one) {
    __m512i downward = _mm512_add_epi32(value, _mm512_srai_epi32(value, 31));
    __m512i doubled = _mm512_add_epi32(_mm512_srav_epi32(downward, less_one), _mm512_set1_epi32(1));
    return _mm512_mask_srai_epi32(value, lanes, doubled, 1);
}

static inline v32 multiply(v32 value, v32 mantissa, v32 shift) {
    __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi64(INT64_C(1) << 30);
    __m512i a = _mm512_sllv_epi32((__m512i)value, _mm512_max_epi32((__m512i)shift, zero));
    __m512i b = (__m512i)mantissa;
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    odd = _mm512_add_epi64(odd, half);
    __m512i high =
        _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    __mmask16 right = _mm512_cmplt_epi32_mask((__m512i)shift, zero);
    return (v32)round_lanes(right, high, ~(__m512i)shift); /* ~shift = bits - 1 */
}

static inline v16 narrow(v32 low, v32 high) {
    __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512i packed = _mm512_packs_epi32((__m512i)low, (__m512i)high); /* within 128-bit quarters */
    return (v16)_mm512_permutexvar_epi64(order, packed);
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

/* With n = -shift, shift ≤ 0: floor((value·mantissa / 2^30 + 1) / 2) / 2^n, ties away from zero.
 * That is floor((quarters + 1 + 2^n - 2·(quarters < 0)) / 2^(n + 1)) for n > 0; floors of floors
 * are one.
 */
static inline v32 scale_plain(v32 value, const int32_t *mantissas, const int8_t *shifts,
                              const int left) {
    v32 both = widen_int8(shifts);
    __m512i one = _mm512_set1_epi32(1), shift = (__m512i)right_only(both, left);
    __m512i quarters = (__m512i)multiply_q30(four_times(value, both, left), mantissas);
    __m512i halves = _mm512_or_si512(_mm512_rorv_epi32(one, shift), one); /* 2^n + 1, or 1 */
    __mmask16 down = _mm512_mask_cmplt_epi32_mask(_mm512_test_epi32_mask(shift, shift), quarters,
                                                  _mm512_setzero_si512());
    __m512i sum = _mm512_add_epi32(quarters, halves);
    sum = _mm512_mask_sub_epi32(sum, down, sum, _mm512_set1_epi32(2));
    return (v32)_mm512_srav_epi32(sum, _mm512_sub_epi32(one, shift));
}

static inline void store_int8(int8_t *to, v16 a) {
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtsepi16_epi8((__m512i)a));
}

static inline vf fuse(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

/* sum + the products of four columns of a weight block. In assembly, because GCC would copy each
 * sum in every step of a loop. */
static inline __attribute__((always_inline)) __m512i add_columns(__m512i sum, __m512i values,
                                                                 const int8_t *weights) {
    const __m512i *w = (const __m512i *)(const void *)weights;
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(values), "m"(*w));
    return sum;
}

/* Four columns of x, for all rows. vpdpbusd takes them as unsigned: X_OFFSET is added here and
 * taken out again with the sums of the rows. */
static inline __attribute__((always_inline)) __m512i repeat_four(const int8_t *x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_xor_si512(_mm512_set1_epi32(four), _mm512_set1_epi8((char)0x80));
}

static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[1]) {
    __m512i totals[8]; /* sums of its own: only those stay in registers */
    for (int block = 0; block < blocks; block++)
        totals[block] = (__m512i)sums[block][0];
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        __m512i values = repeat_four(x + column);
        for (int block = 0; block < blocks; block++)
            totals[block] =
                add_columns(totals[block], values, weights + (size_t)block * block_size);
    }
    for (int block = 0; block < blocks; block++)
        sums[block][0] = (v32)totals[block];
}

/* The product of eight weight blocks with x, four columns at a time. */
#define OWN_PRODUCT
typedef struct product {
    const int8_t *weights, *x;
    size_t block_size;
    uint32_t steps; /* that are left */
    __m512i sums[8];
} product;

static inline __attribute__((always_inline)) void advance(product *beside) {
    if (beside == NULL || beside->steps == 0)
        return;
    __m512i values = repeat_four(beside->x);
    _Pragma("GCC unroll 8") for (int block = 0; block < 8; block++) {
        const int8_t *at = beside->weights + (size_t)block * beside->block_size;
        beside->sums[block] = add_columns(beside->sums[block], values, at);
    }
    beside->weights += 64;
    beside->x += 4;
    beside->steps--;
}

#define OWN_LSTM_INT8
#include "kernels_vector.h"

#include "kernels_overlap.h"

/* Up to 64 units the gates of all fill the registers better than two products beside each other. */
static void lstm_int8(const el_layer *layer, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    if (!layer->plain_rows)
        lstm_int8_layer(layer, x, h, h_next, c, false);
    else if (layer->groups <= TILE_GROUPS)
        lstm_int8_layer(layer, x, h, h_next, c, true);
    else
        lstm_int8_overlapped(layer, x, h, h_next, c);
}

/* The products of the four gates' blocks with the x of EL_BATCH streams: a weight is loaded once
 * for all, and 16 sums stay in registers. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    __m512i total[EL_BATCH][EL_GATES];
    for (int n = 0; n < EL_BATCH; n++)
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            total[n][gate] = (__m512i)sums[n][first_block + gate][0];
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        __m512i w[EL_GATES];
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            w[gate] = _mm512_load_si512(weights + (size_t)gate * block_size);
        for (int n = 0; n < EL_BATCH; n++) {
            __m512i values = repeat_four(x[n] + column);
            for (int gate = 0; gate < (int)EL_GATES; gate++)
                __asm__("vpdpbusd %2, %1, %0" : "+v"(total[n][gate]) : "v"(values), "v"(w[gate]));
        }
    }
    for (int n = 0; n < EL_BATCH; n++)
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            sums[n][first_block + gate][0] = (v32)total[n][gate];
}

#include "kernels_batch.h"

const el_kernels el_kernels_avx512vnni = {
    .name = "avx512vnni",
    .read_int8 = read_int8,
    .lstm_int8 = lstm_int8,
    .lstm_int8_batch = lstm_int8_batch,
    .dense_int8 = dense_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
};
