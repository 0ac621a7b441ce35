/* Opening: what is right opens, and no damage does more than give a status. Meant for
 * AddressSanitizer too. */
#include "check.h"
#include "tiny_model.h"

#include "model.h"

#include <string.h>

static tiny_model tiny, copy;
static _Alignas(EL_ALIGNMENT) unsigned char stream_memory[1 << 16];

/* Whatever opens must also stream without harm. */
static void stream_a_little(const el_model *model) {
    el_info info;
    el_stream *stream;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    if (info.stream_size > sizeof stream_memory || info.features > 64 || info.outputs > 64)
        return;
    float frames[2 * 64] = {0.5f}, answers[2 * 64];
    CHECK_STATUS(el_stream_init(stream_memory, info.stream_size, model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_push(stream, frames, 2, answers, 2, NULL), EL_OK);
    CHECK_STATUS(el_stream_answer(stream, answers), EL_OK);
}

/* A file of exactly `size` bytes, so that a sanitizer sees every byte read beyond it. */
static el_status open_exactly(const unsigned char *bytes, size_t size, unsigned flags) {
    void *exact =
        aligned_alloc(EL_ALIGNMENT, (size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT);
    CHECK(exact != NULL);
    if (size)
        memcpy(exact, bytes, size);
    el_status status =
        el_model_open(tiny.memory, sizeof tiny.memory, exact, size, flags, &tiny.model);
    if (status == EL_OK)
        stream_a_little(tiny.model);
    free(exact);
    return status;
}

static void check_damage(el_precision precision) {
    tiny_make(&copy, precision, EL_MEAN, 4, 2);
    CHECK_STATUS(open_exactly(copy.file, copy.size, 0), EL_OK);
    for (size_t size = 0; size < copy.size; size++)
        CHECK(open_exactly(copy.file, size, 0) != EL_OK);
    for (size_t at = 0; at < copy.size; at++) {
        unsigned char right = copy.file[at];
        copy.file[at] = (unsigned char)(right ^ 0x10);
        CHECK(open_exactly(copy.file, copy.size, 0) != EL_OK);
        copy.file[at] = right;
    }
}

/* A hostile field comes with a checksum that is right, here past it: to make sums takes most of the
 * time of a sanitized run. Every 32-bit word of header and table at the edges of its type. */
static void check_hostile_words(el_precision precision) {
    static const uint32_t edges[] = {
        0,          1,          2,          3,           4,
        7,          63,         64,         65,          127,
        128,        16384,      16385,      1u << 20,    (1u << 20) + 1,
        0x7FFFFFC0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFC0u, 0xFFFFFFFFu};
    tiny_make(&copy, precision, EL_MEAN, 4, 2);
    for (size_t at = 16; at < TINY_TABLE + 4 * TINY_ENTRY; at += 4)
        for (size_t n = 0; n < sizeof edges / sizeof *edges; n++) {
            uint32_t right;
            memcpy(&right, copy.file + at, sizeof right);
            memcpy(copy.file + at, &edges[n], sizeof right);
            (void)open_exactly(copy.file, copy.size, EL_SKIP_CHECKSUM);
            memcpy(copy.file + at, &right, sizeof right);
        }
    /* … and every byte of the rest: weights, row records, scales. */
    for (size_t at = TINY_TABLE + 4 * TINY_ENTRY; at < copy.size; at++) {
        unsigned char right = copy.file[at];
        copy.file[at] = 0x80;
        (void)open_exactly(copy.file, copy.size, EL_SKIP_CHECKSUM);
        copy.file[at] = right;
    }
}

static el_status open_with(size_t at, uint32_t value) {
    tiny_make(&copy, EL_INT8, EL_MEAN, 4, 2);
    memcpy(copy.file + at, &value, sizeof value);
    tiny_seal(&copy);
    return tiny_open(&copy);
}

int main(void) {
    check_damage(EL_INT8);
    check_damage(EL_FLOAT32);
    check_hostile_words(EL_INT8);
    check_hostile_words(EL_FLOAT32);

    CHECK_STATUS(open_with(0, 0), EL_ERROR_MAGIC);
    CHECK_STATUS(open_with(8, 0), EL_ERROR_VERSION);
    CHECK_STATUS(open_with(40, 2), EL_ERROR_FIELD);     /* precision */
    CHECK_STATUS(open_with(44, 16385), EL_ERROR_LIMIT); /* features */
    CHECK_STATUS(open_with(52, 65), EL_ERROR_LIMIT);    /* layers */
    CHECK_STATUS(open_with(64, 5), EL_ERROR_FIELD);     /* a window that is no multiple of hop */
    CHECK_STATUS(open_with(72, 0x7FC00000), EL_ERROR_FIELD); /* the sample rate is NaN */
    CHECK_STATUS(open_with(76, 65), EL_ERROR_BOUNDS);
    CHECK_STATUS(open_with(TINY_TABLE + TINY_WEIGHTS, 0x7FFFFFC0),
                 EL_ERROR_BOUNDS);                          /* weights far outside */
    for (int32_t exponent = -17; exponent <= 1; exponent++) /* of the cell */
        CHECK_STATUS(open_with(TINY_TABLE + 84, (uint32_t)exponent),
                     exponent < -15 || exponent > -5 ? EL_ERROR_FIELD : EL_OK);
    CHECK_STATUS(open_with(TINY_TABLE + 76, 12345), EL_ERROR_FIELD); /* mantissa too small */

    /* A weight of -128 is refused: it would overflow pair sums of 16 bits. */
    tiny_make(&copy, EL_INT8, EL_LAST, 0, 1);
    uint32_t weights;
    memcpy(&weights, copy.file + TINY_TABLE + TINY_WEIGHTS, sizeof weights);
    copy.file[weights] = 0x80;
    tiny_seal(&copy);
    CHECK_STATUS(tiny_open(&copy), EL_ERROR_WEIGHTS);

    tiny_make(&copy, EL_INT8, EL_LAST, 0, 1);
    el_model *model = NULL;
    CHECK_STATUS(el_model_open(NULL, EL_MODEL_SIZE, copy.file, copy.size, 0, &model),
                 EL_ERROR_ARGUMENT);
    CHECK_STATUS(
        el_model_open(copy.memory, EL_MODEL_SIZE_OF(4) - 1, copy.file, copy.size, 0, &model),
        EL_ERROR_MEMORY);
    CHECK_STATUS(el_model_open(copy.memory, EL_MODEL_SIZE, copy.file + 4, copy.size - 4, 0, &model),
                 EL_ERROR_ALIGNMENT);
    CHECK(model == NULL);
    /* A wrong checksum may be skipped; nothing else is. */
    copy.file[12] ^= 1;
    CHECK_STATUS(tiny_open(&copy), EL_ERROR_CHECKSUM);
    CHECK_STATUS(
        el_model_open(copy.memory, EL_MODEL_SIZE, copy.file, copy.size, EL_SKIP_CHECKSUM, &model),
        EL_OK);
    return 0;
}
