/* What the sets for x86 share, whatever the width of their registers: REGISTER is the type and
 * DO(name) the intrinsic of that name. */
typedef REGISTER reg;

static inline v16 multiply_q15(v16 a, v16 b) {
    return (v16)DO(mulhrs_epi16)((reg)a, (reg)b);
}

static inline v16 add_saturating(v16 a, v16 b) {
    return (v16)DO(adds_epi16)((reg)a, (reg)b);
}

static inline v16 average(v16 a, v16 b) {
    return (v16)DO(avg_epu16)((reg)a, (reg)b);
}

#define OWN_CHOICES
static inline v16 minus_abs(v16 a) {
    return (v16)DO(sub_epi16)((reg)(v16){0}, DO(abs_epi16)((reg)a));
}

static inline v32 clamp32(v32 value, int32_t low, int32_t high) {
    reg raised = DO(max_epi32)((reg)value, DO(set1_epi32)(low));
    return (v32)DO(min_epi32)(raised, DO(set1_epi32)(high));
}

#define OWN_CELL
static inline v16 with_sign(v16 magnitude, v16 a);

/* The high half of 2a·2|b| is a·|b| / 2^14; one more halving rounds ties up. */
static inline v16 scale_product(v16 a, v16 b, int bits) {
    reg magnitude = DO(abs_epi16)((reg)b);
    reg product = DO(mulhi_epu16)(DO(slli_epi16)((reg)a, 1), DO(slli_epi16)(magnitude, 1));
    reg quotient = DO(srl_epi16)(product, _mm_cvtsi32_si128(bits - 15));
    return with_sign(average((v16)quotient, (v16){0}), b);
}

/* -f·-|c|: the product is positive, and -32768 is a number where 32768 is not. */
static inline v16 keep(v16 f, v16 c) {
    reg minus_f = DO(sub_epi16)((reg)(v16){0}, (reg)f);
    return with_sign((v16)DO(mulhrs_epi16)(minus_f, (reg)minus_abs(c)), c);
}

/* The products with mantissas, over 2^30, rounded down, of a quarter of `four`: the upper halves of
 * 64 bits, of the even lanes and of the odd ones. The mantissas of these come into place by reading
 * one further. */
static inline v32 multiply_q30(reg four, const int32_t *mantissas) {
    reg even_mantissas, odd_mantissas;
    __builtin_memcpy(&even_mantissas, mantissas, sizeof even_mantissas);
    __builtin_memcpy(&odd_mantissas, mantissas + 1, sizeof odd_mantissas);
    reg even = DO(mul_epi32)(four, even_mantissas);
    reg odd = DO(mul_epi32)(DO(srli_epi64)(four, 32), odd_mantissas);
    return (v32)UPPER_HALVES(even, odd);
}

/* Four times the value, shifted to the left where that is asked for. */
static inline reg four_times(v32 value, v32 shift, const int left) {
    if (!left)
        return DO(slli_epi32)((reg)value, 2);
    reg bits = DO(max_epi32)((reg)shift, (reg)(v32){0});
    return DO(sllv_epi32)((reg)value, DO(add_epi32)(bits, DO(set1_epi32)(2)));
}

/* Their right shifts, 0 to the left. */
static inline v32 right_only(v32 shift, const int left) {
    return left ? (v32)DO(min_epi32)((reg)shift, (reg)(v32){0}) : shift;
}

/* A register of codes. The conversion rounds as el_round does: to nearest, ties to even. */
static inline v32 read_codes(const float *frame, const float *scale, const float *offset) {
    FLOATS code =
        DO(add_ps)(DO(mul_ps)(DO(loadu_ps)(frame), DO(loadu_ps)(scale)), DO(loadu_ps)(offset));
    code = DO(min_ps)(DO(max_ps)(code, DO(set1_ps)(-128.0f)), DO(set1_ps)(127.0f));
    return (v32)DO(cvtps_epi32)(code);
}

static inline v16 narrow(v32 low, v32 high);
static inline void store_int8(int8_t *to, v16 a);

/* count ≥ LANES; the last codes may be read twice */
static void read_int8(const float *frame, const float *scale, const float *offset, uint32_t count,
                      int8_t *codes) {
    for (uint32_t n = 0; n < count; n += LANES) {
        uint32_t at = n + LANES <= count ? n : count - LANES, half = at + LANES / 2;
        store_int8(codes + at, narrow(read_codes(frame + at, scale + at, offset + at),
                                      read_codes(frame + half, scale + half, offset + half)));
    }
}
