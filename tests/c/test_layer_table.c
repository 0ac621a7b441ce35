/* Hostile layer tables: what no exporter writes is refused with the status that names it, and every
 * word at the edges of its type does no more than give a status. Meant for AddressSanitizer too. */
#include "check.h"
#include "tiny_model.h"

#include <string.h>

static tiny_model tiny;
static _Alignas(EL_ALIGNMENT) unsigned char stream_memory[1 << 16];

/* context0 → conv0 → lstm0 → dense0 → context1 → gru0 → dense1 → dense2 */
static const tiny_layer layers[] = {
    {TINY_CONTEXT, 0, 0, {6, 2}}, {TINY_CONV, 5, 1, {3, 1, 2}},      {TINY_LSTM, 9, 0, {0}},
    {TINY_DENSE, 20, 1, {0}},     {TINY_CONTEXT, 0, 0, {3, 3}},      {TINY_GRU, 4, 0, {1}},
    {TINY_DENSE, 7, 1, {0}},      {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
enum { CONTEXT, CONV, LSTM, DENSE, CONTEXT_1, GRU, HIDDEN, LAST, LAYERS };

/* Fields of the header and of an entry. */
enum { H_HOP = 68, H_RESULTS = 88, H_INPUT = 92 };
enum {
    KIND = 0,
    SOURCE = 4,
    OTHER = 8,
    ACTIVATION = 12,
    ROWS = 16,
    CHANNELS = 20,
    RESULT = 24,
    WEIGHTS = 32,
    WEIGHTS_SIZE = 36,
    RECURRENT = 48,
    OUTPUT_ZERO_POINT = 68,
    MANTISSA = 76,
    SHIFT = 80,
    OWN = 84,
    RESERVED = 96
};

static void make(el_precision precision) {
    tiny_build(&tiny, precision, (tiny_answer){EL_MEAN, 36, 12}, TINY_FEATURES, layers, LAYERS);
}

static size_t field(unsigned layer, unsigned at) {
    return TINY_TABLE + (size_t)layer * TINY_ENTRY + at;
}

static uint32_t get(size_t at) {
    uint32_t value;
    memcpy(&value, tiny.file + at, sizeof value);
    return value;
}

static void put(size_t at, uint32_t value) {
    memcpy(tiny.file + at, &value, sizeof value);
}

static el_status sealed(void) {
    tiny_seal(&tiny);
    return tiny_open(&tiny);
}

static el_status with(size_t at, uint32_t value) {
    make(EL_INT8);
    put(at, value);
    return sealed();
}

static void check_refusals(void) {
    CHECK_STATUS(with(field(LSTM, KIND), 0), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, KIND), 20), EL_ERROR_FIELD);
    for (uint32_t kind = 6; kind < 20; kind++) /* of floats alone */
        CHECK_STATUS(with(field(DENSE, KIND), kind), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, OTHER), 1), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, ACTIVATION), 1), EL_ERROR_FIELD); /* ReLU of an LSTM */
    CHECK_STATUS(with(field(DENSE, ACTIVATION), 2), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, RESERVED), 1), EL_ERROR_FIELD);
    /* circles, and sources that come later */
    CHECK_STATUS(with(field(LSTM, SOURCE), LSTM + 1), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONTEXT, SOURCE), LAST + 1), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONTEXT, SOURCE), 0xFFFFFFFFu), EL_ERROR_FIELD);
    /* shapes that do not follow from the source's */
    CHECK_STATUS(with(field(CONV, ROWS), 3), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONTEXT, CHANNELS), 4), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONTEXT, ROWS), 5), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, ROWS), 2), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LSTM, ROWS), 4097), EL_ERROR_LIMIT);
    CHECK_STATUS(with(field(LSTM, CHANNELS), 16385), EL_ERROR_LIMIT);
    CHECK_STATUS(with(field(LSTM, CHANNELS), 17), EL_ERROR_BOUNDS); /* its tensors are smaller */
    CHECK_STATUS(with(field(LAST, CHANNELS), TINY_OUTPUTS + 1), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LAST, ACTIVATION), 1), EL_ERROR_FIELD);
    /* own fields */
    CHECK_STATUS(with(field(CONTEXT, OWN + 4), 7), EL_ERROR_LIMIT); /* more hop than rows */
    CHECK_STATUS(with(field(CONTEXT, OWN + 4), 0), EL_ERROR_LIMIT);
    CHECK_STATUS(with(field(CONTEXT, OUTPUT_ZERO_POINT), 4), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONV, OWN), 7), EL_ERROR_LIMIT); /* more taps than rows */
    CHECK_STATUS(with(field(CONV, OWN + 8), 3), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONV, OWN + 8), 0x80000000u), EL_ERROR_LIMIT);
    CHECK_STATUS(with(field(GRU, OWN), 2), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(GRU, MANTISSA), 0), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(GRU, SHIFT), 16), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(GRU, RECURRENT), 64), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(field(LSTM, RECURRENT), 4096), EL_ERROR_FIELD); /* an offset of nothing */
    CHECK_STATUS(with(field(DENSE, WEIGHTS), get(field(DENSE, WEIGHTS)) + 4), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(field(DENSE, WEIGHTS_SIZE), 0), EL_ERROR_FIELD);
    /* strides: 6, which divides hop and window */
    CHECK_STATUS(with(H_HOP, 9), EL_ERROR_FIELD);
    CHECK_STATUS(with(H_HOP, 4), EL_ERROR_FIELD);
}

static void check_places(void) {
    make(EL_INT8);
    uint32_t results = get(H_RESULTS), hidden = get(field(HIDDEN, RESULT));
    CHECK_STATUS(with(H_RESULTS, results - 64), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(H_RESULTS, results + 1), EL_ERROR_FIELD);
    CHECK_STATUS(with(H_RESULTS, results + 64), EL_OK);
    CHECK_STATUS(with(H_RESULTS, 0xFFFFFFC0u), EL_ERROR_LIMIT);
    CHECK_STATUS(with(H_INPUT, results), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(H_INPUT, 4), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(field(CONV, RESULT), results), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(field(CONV, RESULT), 0xFFFFFFC0u), EL_ERROR_BOUNDS);
    CHECK_STATUS(with(field(CONV, RESULT), 8), EL_ERROR_BOUNDS);
    /* states and scores have places of their own */
    CHECK_STATUS(with(field(LSTM, RESULT), 64), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(CONTEXT, RESULT), 64), EL_ERROR_FIELD);
    CHECK_STATUS(with(field(LAST, RESULT), 64), EL_ERROR_FIELD);
    /* the hidden layer would write over the GRU's result, which it reads */
    make(EL_INT8);
    CHECK(get(field(GRU, RESULT)) != hidden);
    CHECK_STATUS(with(field(HIDDEN, RESULT), get(field(GRU, RESULT))), EL_ERROR_BOUNDS);
    /* the convolution's result is dead by then: its place may serve again */
    make(EL_INT8);
    CHECK_STATUS(with(field(HIDDEN, RESULT), hidden), EL_OK);
}

/* Behind the last state, layers read each other or that state alone: an answer is made from it. */
static void check_head(void) {
    static const tiny_layer head[] = {{TINY_DENSE, 9, 0, {0}},
                                      {TINY_LSTM, 9, 0, {0}},
                                      {TINY_DENSE, 9, 0, {0}},
                                      {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    static const tiny_layer stateless[] = {{TINY_DENSE, 9, 0, {0}},
                                           {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    tiny_answer answer = {EL_LAST, 0, 1};
    for (uint32_t source = 1; source <= 3; source++) {
        tiny_build(&tiny, EL_INT8, answer, TINY_FEATURES, head, 4);
        put(field(3, SOURCE), source);
        CHECK_STATUS(sealed(), source == 1 ? EL_ERROR_FIELD : EL_OK);
    }
    tiny_build(&tiny, EL_INT8, answer, TINY_FEATURES, stateless, 2);
    CHECK_STATUS(tiny_open(&tiny), EL_ERROR_FIELD);
}

/* 4096 · 4096 frames are more than a stride may have. */
static void check_strides(void) {
    static const tiny_layer strides[] = {{TINY_CONTEXT, 0, 0, {1024, 1024}},
                                         {TINY_GRU, 1, 0, {0}},
                                         {TINY_CONTEXT, 0, 0, {1024, 1024}},
                                         {TINY_GRU, 1, 0, {0}},
                                         {TINY_CONTEXT, 0, 0, {2, 2}},
                                         {TINY_GRU, 1, 0, {0}},
                                         {TINY_DENSE, 1, 0, {0}}};
    el_info info;
    tiny_build(&tiny, EL_INT8, (tiny_answer){EL_LAST, 0, 0}, 1, strides, 7);
    CHECK_STATUS(tiny_open(&tiny), EL_ERROR_LIMIT);
    put(field(4, OWN + 4), 1);
    CHECK_STATUS(sealed(), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK(info.stride == 1u << 20);
}

/* As many layers as there may be, in the memory that so many take, and one more. */
static void check_most_layers(void) {
    tiny_layer many[EL_MAX_LAYERS];
    for (size_t n = 0; n < EL_MAX_LAYERS; n++)
        many[n] = (tiny_layer){n % 2 ? TINY_DENSE : TINY_GRU, 3, 0, {0}};
    tiny_build(&tiny, EL_INT8, (tiny_answer){EL_LAST, 0, 1}, 3, many, EL_MAX_LAYERS);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(
        el_model_open(tiny.memory, sizeof tiny.memory - 64, tiny.file, tiny.size, 0, &tiny.model),
        EL_ERROR_MEMORY);
    put(52, EL_MAX_LAYERS + 1);
    CHECK_STATUS(sealed(), EL_ERROR_LIMIT);
}

/* Whatever opens must also stream without harm, in memory of exactly its size. */
static void stream_a_little(void) {
    el_info info;
    el_stream *stream;
    float frames[12 * 64] = {0.5f}, answers[12 * 64];
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    if (info.stream_size > sizeof stream_memory || info.features > 64 || info.outputs > 64)
        return;
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    CHECK(memory != NULL);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, tiny.model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_push(stream, frames, 12, answers, 12, NULL), EL_OK);
    free(memory);
}

static void check_edges(el_precision precision) {
    static const uint32_t edges[] = {0,          1,          2,           3,          4,
                                     5,          63,         64,          128,        4096,
                                     16384,      16385,      1u << 20,    0x7FFFFFC0, 0x7FFFFFFF,
                                     0x80000000, 0xFFFFFF80, 0xFFFFFFC0u, 0xFFFFFFFFu};
    make(precision);
    for (size_t at = 40; at < TINY_TABLE + LAYERS * TINY_ENTRY; at += 4)
        for (size_t n = 0; n < sizeof edges / sizeof *edges; n++) {
            uint32_t right = get(at);
            put(at, edges[n]);
            if (tiny_open_with(&tiny, EL_SKIP_CHECKSUM) == EL_OK)
                stream_a_little();
            put(at, right);
        }
}

int main(void) {
    make(EL_INT8);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    make(EL_FLOAT32);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    check_refusals();
    check_places();
    check_head();
    check_strides();
    check_most_layers();
    check_edges(EL_INT8);
    check_edges(EL_FLOAT32);
    return 0;
}
