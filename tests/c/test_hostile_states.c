/* Snapshots of anybody's making, restored into streams and pools with hops of 1 to 1,000, the
 * models' own and others: they are refused, or answers come when a plain formula says so, are
 * finite, and nothing is written that was not announced. 10,000 of them; a million where
 * EDGELSTM_ALL is set. */
#include "check.h"
#include "counts.h"
#include "model.h"
#include "tiny_model.h"

#include <string.h>

#define ALL 1000000
#define PER_MODEL 100
#define STREAMS 3
#define MAX_PUSH 12
#define CANARY 0x5A

static tiny_model tiny;
static el_info info; /* what depends on answers is that of streams that are asked for `asked` */
static el_answer option;
static const el_answer *asked; /* null = the model's own */
static float frames[MAX_PUSH * TINY_FEATURES];
static unsigned restored, answered_in_all;

static uint64_t state = 0x9E3779B97F4A7C15u;

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t below(uint32_t limit) {
    return (uint32_t)((draw() >> 20) % limit);
}

/* Uniform in -1 to 1. */
static double fraction(void) {
    return (double)(int64_t)draw() / 9223372036854775808.0;
}

/* In runs of the last layer. */
static tiny_answer some_answer(void) {
    uint32_t blocks = below(4) ? 1 + below(20) : 17 + below(300);
    static const el_pooling kinds[] = {EL_LAST, EL_MEAN, EL_MEAN_MAX, EL_MEAN_MAX};
    tiny_answer answer = {kinds[below(4)], 0, below(3) ? 1 + below(1000) : below(8)};
    if (answer.pooling != EL_LAST && below(4) && answer.hop != 0)
        answer.window = answer.hop * (blocks < 174 ? blocks : 174); /* 2^20 is the most */
    return answer;
}

static void new_model(void) {
    static const tiny_layer strided[] = {
        {TINY_CONTEXT, 0, 0, {6, 2}}, {TINY_CONV, 5, 1, {3, 1, 2}},
        {TINY_LSTM, 4, 0, {0}},       {TINY_CONTEXT, 0, 0, {3, 3}},
        {TINY_GRU, 4, 0, {0}},        {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    el_precision precision = below(2) ? EL_INT8 : EL_FLOAT32;
    tiny_answer answer = some_answer(), other = some_answer();
    uint32_t stride = below(4) ? 1 : 6;
    answer.hop *= stride;
    answer.window *= stride;
    option = (el_answer){other.pooling, other.window * stride, other.hop * stride};
    asked = below(2) ? &option : NULL;
    if (stride == 1) {
        tiny_make(&tiny, precision, answer.pooling, answer.window, answer.hop);
    } else {
        tiny_build(&tiny, precision, answer, TINY_FEATURES, strided,
                   sizeof strided / sizeof *strided);
    }
    if (below(2)) { /* linear: the means themselves */
        uint32_t linear = EL_LINEAR;
        memcpy(tiny.file + 56, &linear, sizeof linear);
        tiny_seal(&tiny);
    }
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    if (asked != NULL)
        info.answer = *asked;
    info.stream_size = el_stream_size(tiny.model, asked);
    info.snapshot_size = el_stream_save_size(tiny.model, asked);
}

/* Small, near a multiple of the hop, near the largest that is allowed, or anything. */
static uint64_t some_count(void) {
    uint64_t hop = info.answer.hop ? info.answer.hop : 1;
    switch (below(5)) {
    case 0:
        return below(3000);
    case 1:
        return (draw() >> (2 + below(40))) / hop * hop + below(5) - 2;
    case 2:
        return (UINT64_C(1) << 62) - below(2000);
    case 3:
        return draw() >> 2;
    default:
        return draw();
    }
}

/* Of sums of `count` runs: mostly about what they come to, in size. */
static double some_sum(double count) {
    switch (below(4)) {
    case 0:
        return 0.0;
    case 1:
        return fraction() * count * 3.4e38;
    case 2:
        return fraction() * count;
    default:
        return below(50) ? count * 3.4e38 : fraction() * 1.7e308;
    }
}

/* The sums of streams that are asked for `asked`: they end a snapshot. */
static el_part_info find_sums(void) {
    uint32_t rows = info.answer.window ? info.answer.window / info.answer.hop : 1;
    rows = info.answer.pooling == EL_LAST ? 0 : rows;
    uint32_t values = TINY_OUTPUTS * (info.answer.pooling == EL_MEAN_MAX ? 2 : 1);
    uint64_t size = rows * values * sizeof(double);
    return (el_part_info){.dtype = EL_DTYPE_FLOAT64,
                          .rows = rows,
                          .channels = values,
                          .offset = info.snapshot_size - size,
                          .size = size};
}

static void fill_part(unsigned char *at, const el_part_info *part, uint64_t count, bool plausible) {
    if (part->dtype == EL_DTYPE_FLOAT64) {
        uint64_t runs = count / info.stride, hop = info.answer.hop / info.stride;
        for (uint32_t n = 0; n < part->rows * part->channels; n++, at += sizeof(double)) {
            /* a row that has been in use since long is full */
            bool full = info.answer.window && runs / (hop ? hop : 1) > part->rows;
            double sum = some_sum(info.answer.window ? (full ? 1.0 : 0.0) : (double)runs);
            memcpy(at, &sum, sizeof sum);
        }
    } else if (part->dtype == EL_DTYPE_FLOAT32 && plausible) {
        for (uint32_t n = 0; n < part->rows * part->channels; n++, at += sizeof(float)) {
            float value = (float)(fraction() * (below(8) ? 1.0 : 16777216.0));
            memcpy(at, &value, sizeof value);
        }
    } else {
        for (uint64_t n = 0; n < part->size; n++)
            at[n] = (unsigned char)(draw() >> 30);
    }
}

static void make_snapshot(const el_stream *stream, unsigned char *snapshot) {
    CHECK_STATUS(el_stream_save(stream, snapshot, info.snapshot_size), EL_OK);
    uint64_t count = some_count();
    memcpy(snapshot + 40, &count, sizeof count);
    bool plausible = below(4) != 0;
    for (uint32_t n = 0; n < info.parts; n++) {
        el_part_info part;
        CHECK_STATUS(el_model_part(tiny.model, n, &part), EL_OK);
        if (part.layer >= 0 && below(8))
            fill_part(snapshot + part.offset, &part, count, plausible);
    }
    el_part_info sums = find_sums();
    fill_part(snapshot + sums.offset, &sums, count, plausible);
    uint32_t checksum = el_crc32(snapshot + 16, info.snapshot_size - 16);
    memcpy(snapshot + 12, &checksum, sizeof checksum);
}

/* A stream that holds the snapshot, or the one it held before. */
static void restore(el_stream *stream, unsigned char *snapshot, unsigned char *again) {
    el_status status = el_stream_restore(stream, snapshot, info.snapshot_size);
    if (status != EL_OK) {
        CHECK_STATUS(status, EL_ERROR_FIELD);
        return;
    }
    restored++;
    CHECK_STATUS(el_stream_save(stream, again, info.snapshot_size), EL_OK);
    CHECK(memcmp(again, snapshot, info.snapshot_size) == 0);
}

/* Answers that `count` more frames bring: below 2^62 no sum of counts wraps. */
static size_t due(const el_stream *stream, size_t count) {
    uint64_t from = el_stream_frames(stream);
    CHECK(from <= (UINT64_C(1) << 62) + ALL);
    return info.answer.hop ? (size_t)((from + count) / info.answer.hop - from / info.answer.hop)
                           : 0;
}

static void check_answers(const float *answers, size_t count) {
    for (size_t n = 0; n < count * info.outputs; n++)
        CHECK(answers[n] >= -3.4028235e38f && answers[n] <= 3.4028235e38f);
}

static void push_alone(el_stream *stream) {
    size_t count = 1 + below(MAX_PUSH), expected = due(stream, count), written = 99;
    size_t size = expected * info.outputs * sizeof(float);
    CHECK(el_stream_answers(stream, count) == expected);
    unsigned char *memory = malloc(size + 1); /* a sanitizer sees what lies behind */
    CHECK(memory != NULL);
    memory[size] = CANARY;
    float *answers = expected ? (void *)memory : NULL;
    if (expected)
        CHECK_STATUS(el_stream_push(stream, frames, count, answers, expected - 1, NULL),
                     EL_ERROR_CAPACITY);
    CHECK_STATUS(el_stream_push(stream, frames, count, answers, expected, &written), EL_OK);
    CHECK(written == expected && memory[size] == CANARY);
    if (expected)
        check_answers(answers, expected);
    answered_in_all += expected != 0;
    free(memory);
    float answer[TINY_OUTPUTS + 1];
    memset(answer, CANARY, sizeof answer);
    if (el_stream_answer(stream, answer) == EL_OK)
        check_answers(answer, 1);
    else
        CHECK(el_stream_frames(stream) < info.stride);
    CHECK(((unsigned char *)answer)[sizeof answer - 1] == CANARY);
}

static void push_together(el_pool *pool) {
    static const float canary = -12345.0f;
    float answers[STREAMS][TINY_OUTPUTS];
    uint8_t mask[STREAMS], answered[STREAMS];
    size_t expected[STREAMS], all = 0;
    for (size_t n = 0; n < STREAMS; n++) {
        mask[n] = (uint8_t)below(3);
        expected[n] = mask[n] ? due(el_pool_stream(pool, n), 1) : 0;
        all += expected[n];
        answers[n][0] = answers[n][1] = canary;
    }
    if (all)
        CHECK_STATUS(el_pool_push(pool, frames, mask, NULL, answered), EL_ERROR_CAPACITY);
    CHECK_STATUS(el_pool_push(pool, frames, mask, all ? answers[0] : NULL, answered), EL_OK);
    for (size_t n = 0; n < STREAMS; n++) {
        CHECK(answered[n] == expected[n]);
        CHECK(answered[n] || (answers[n][0] == canary && answers[n][1] == canary));
        check_answers(answers[n], 1);
    }
}

static void try_model(unsigned count) {
    new_model();
    size_t pool_size = el_pool_size(tiny.model, asked, STREAMS);
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    void *pool_memory = aligned_alloc(EL_ALIGNMENT, pool_size);
    unsigned char *snapshot = malloc(info.snapshot_size), *again = malloc(info.snapshot_size);
    el_stream *stream;
    el_pool *pool;
    CHECK(memory && pool_memory && snapshot && again);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, tiny.model, asked, &stream), EL_OK);
    CHECK_STATUS(el_pool_init(pool_memory, pool_size, tiny.model, asked, STREAMS, &pool), EL_OK);
    for (unsigned n = 0; n < count; n++) {
        make_snapshot(stream, snapshot);
        if (n % 4) {
            restore(stream, snapshot, again);
            push_alone(stream);
        } else {
            restore(el_pool_stream(pool, below(STREAMS)), snapshot, again);
            push_together(pool);
        }
    }
    free(memory);
    free(pool_memory);
    free(snapshot);
    free(again);
}

int main(void) {
    unsigned wanted = counted(10000, 10000, ALL);
    for (unsigned n = 0; n < MAX_PUSH * TINY_FEATURES; n++)
        frames[n] = (float)n * 0.1f - 1.5f;
    for (unsigned n = 0; n < wanted; n += PER_MODEL)
        try_model(PER_MODEL);
    printf("%u restored of %u, %u answered\n", restored, wanted, answered_in_all);
    CHECK(restored > wanted / 5 && answered_in_all > wanted / 20); /* not all refused */
    return 0;
}
