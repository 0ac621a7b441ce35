/* libFuzzer: any bytes as a model file. Checksum and sums of rows are made right, so that every
 * field and weight is reached. What opens must stream, save and restore without harm, alone and in
 * a pool, with answers of its own and with any others; and int8 models must reach, from any state,
 * the state that the scalar kernels reach. */
#include "check.h"
#include "model.h"
#include "parts.h"

#include <math.h>
#include <string.h>

#define MAX_STREAM (1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS 6

/* Streams of a pool that go on from `saved` end where a stream alone does. */
static void check_pool(const el_model *model, const void *saved, size_t size, const float *frame,
                       float *answer) {
    static const uint8_t mask[STREAMS] = {0, 1, 1, 1, 1, 1};
    size_t pool_size = el_pool_size(model, NULL, STREAMS);
    void *memory = aligned_alloc(EL_ALIGNMENT, pool_size);
    float *frames = calloc(STREAMS, model->features * sizeof *frames);
    float *answers = calloc(STREAMS, model->outputs * sizeof *answers);
    unsigned char *alone = malloc(size), *pooled = malloc(size);
    el_pool *pool;
    CHECK(memory && frames && answers && alone && pooled);
    CHECK_STATUS(el_pool_init(memory, pool_size, model, NULL, STREAMS, &pool), EL_OK);
    for (size_t n = 0; n < STREAMS; n++) {
        memcpy(frames + n * model->features, frame, model->features * sizeof *frame);
        CHECK_STATUS(el_stream_restore(el_pool_stream(pool, n), saved, size), EL_OK);
    }
    CHECK_STATUS(el_pool_push(pool, frames, mask, answers, NULL), EL_OK);
    CHECK_STATUS(el_stream_push(el_pool_stream(pool, 0), frame, 1, answer, 1, NULL), EL_OK);
    CHECK_STATUS(el_stream_save(el_pool_stream(pool, 0), alone, size), EL_OK);
    for (size_t n = 1; n < STREAMS; n++) {
        CHECK_STATUS(el_stream_save(el_pool_stream(pool, n), pooled, size), EL_OK);
        CHECK(memcmp(alone, pooled, size) == 0);
    }
    free(memory);
    free(frames);
    free(answers);
    free(alone);
    free(pooled);
}

/* Small enough to run a few hundred times. */
static bool is_small(const el_model *model) {
    el_info info;
    el_layer_info layer;
    uint64_t macs = 0;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    for (uint32_t n = 0; n < info.layers; n++) {
        CHECK_STATUS(el_model_layer(model, n, &layer), EL_OK);
        macs += layer.macs;
    }
    return info.stream_size <= MAX_STREAM && macs <= 1000000;
}

/* A stream that is asked for answers made of the file's own bytes is refused, or gives as many as
 * its hop says, and goes on from its own snapshot alone. */
static void stream_other_answers(const el_model *model, const uint8_t *data, size_t size) {
    el_answer asked = {data[0] % 3, data[size / 2] % 64u * model->stride,
                       data[size - 1] % 16u * model->stride};
    el_stream *stream;
    if (data[0] % 5 == 0)
        memcpy(&asked, data, size < sizeof asked ? size : sizeof asked);
    size_t stream_size = el_stream_size(model, &asked);
    size_t saved_size = el_stream_save_size(model, &asked);
    if (stream_size == 0 || stream_size > MAX_STREAM)
        return;
    void *memory = aligned_alloc(EL_ALIGNMENT, stream_size);
    float *frame = calloc(model->features, sizeof *frame);
    float *answer = malloc(model->outputs * sizeof *answer);
    unsigned char *saved = malloc(saved_size), *again = malloc(saved_size);
    CHECK(memory && frame && answer && saved && again);
    CHECK_STATUS(el_stream_init(memory, stream_size, model, &asked, &stream), EL_OK);
    for (uint64_t n = 0; n < 40; n++) {
        size_t written;
        CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, &written), EL_OK);
        CHECK(written == (asked.hop != 0 && (n + 1) % asked.hop == 0));
    }
    CHECK_STATUS(el_stream_save(stream, saved, saved_size), EL_OK);
    CHECK_STATUS(el_stream_reset(stream), EL_OK);
    CHECK_STATUS(el_stream_restore(stream, saved, saved_size), EL_OK);
    CHECK_STATUS(el_stream_save(stream, again, saved_size), EL_OK);
    CHECK(memcmp(saved, again, saved_size) == 0);
    free(memory);
    free(frame);
    free(answer);
    free(saved);
    free(again);
}

/* The parts lie side by side and fill a snapshot. */
static void check_parts(const el_model *model) {
    el_info info;
    el_part_info part;
    uint64_t end = 64;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    for (uint32_t n = 0; n < info.parts; n++) {
        CHECK_STATUS(el_model_part(model, n, &part), EL_OK);
        CHECK(part.offset == end && part.layer < (int32_t)info.layers);
        end += part.size;
    }
    CHECK(end == info.snapshot_size);
}

/* From a snapshot, frames pushed at once end where frames one by one do. */
static void check_together(const el_model *model, const void *saved, size_t size) {
    enum { COUNT = 19 };
    size_t stream_size = el_stream_size(model, NULL), emitted = 0, written;
    el_stream *streams[2];
    float *frames = malloc(COUNT * model->features * sizeof *frames);
    float *answers = malloc(COUNT * model->outputs * sizeof *answers);
    float *answer = malloc(model->outputs * sizeof *answer);
    unsigned char *ends[2] = {malloc(size), malloc(size)};
    CHECK(frames && answers && answer && ends[0] && ends[1]);
    for (uint32_t k = 0; k < COUNT * model->features; k++)
        frames[k] = (float)(k * 7 % 31) / 8.0f - 2.0f;
    for (size_t n = 0; n < 2; n++) {
        void *memory = aligned_alloc(EL_ALIGNMENT, stream_size);
        CHECK(memory);
        CHECK_STATUS(el_stream_init(memory, stream_size, model, NULL, &streams[n]), EL_OK);
        CHECK_STATUS(el_stream_restore(streams[n], saved, size), EL_OK);
    }
    CHECK_STATUS(el_stream_push(streams[0], frames, COUNT, answers, COUNT, &written), EL_OK);
    for (size_t n = 0; n < COUNT; n++) {
        size_t came;
        CHECK_STATUS(el_stream_push(streams[1], frames + n * model->features, 1, answer, 1, &came),
                     EL_OK);
        if (came)
            CHECK(memcmp(answer, answers + emitted * model->outputs,
                         model->outputs * sizeof *answer) == 0);
        emitted += came;
    }
    CHECK(emitted == written);
    for (size_t n = 0; n < 2; n++) {
        CHECK_STATUS(el_stream_save(streams[n], ends[n], size), EL_OK);
        free(streams[n]);
    }
    CHECK(memcmp(ends[0], ends[1], size) == 0);
    free(frames);
    free(answers);
    free(answer);
    free(ends[0]);
    free(ends[1]);
}

/* What must succeed whatever the model is. */
static void stream_a_little(const el_model *model) {
    el_info info;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    el_stream *stream, *other;
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    void *other_memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    /* exactly as large as promised, so that a sanitizer sees what lies behind */
    float *frame = malloc(info.features * sizeof *frame);
    float *answer = malloc(info.outputs * sizeof *answer);
    float *other_answer = malloc(info.outputs * sizeof *answer);
    void *saved = malloc(info.snapshot_size);
    CHECK(memory && other_memory && frame && answer && other_answer && saved);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_init(other_memory, info.stream_size, model, NULL, &other), EL_OK);
    static const float values[] = {0.0f, 1.0f, -3e38f, 3e38f, 1e-40f};
    for (unsigned n = 0; n < 5; n++) {
        for (uint32_t k = 0; k < info.features; k++)
            frame[k] = values[(n + k) % 5];
        CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
    }
    CHECK_STATUS(el_stream_save(stream, saved, info.snapshot_size), EL_OK);
    el_status restored = el_stream_restore(other, saved, info.snapshot_size);
    CHECK_STATUS(restored, EL_OK);
    check_pool(model, saved, info.snapshot_size, frame, answer);
    check_together(model, saved, info.snapshot_size);
    CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
    CHECK_STATUS(el_stream_push(other, frame, 1, answer, 1, NULL), EL_OK);
    el_status asked = el_stream_frames(stream) < info.stride ? EL_ERROR_NO_FRAMES : EL_OK;
    CHECK_STATUS(el_stream_answer(stream, answer), asked);
    CHECK_STATUS(el_stream_answer(other, other_answer), asked);
    CHECK(asked != EL_OK || memcmp(answer, other_answer, info.outputs * sizeof *answer) == 0);
    free(memory);
    free(other_memory);
    free(frame);
    free(answer);
    free(other_answer);
    free(saved);
}

static uint32_t word(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The sums of blocks of 16 rows, of `columns_w` columns of W and then `columns_r` of R. */
static void repair_blocks(unsigned char *file, size_t size, const unsigned char *tensors,
                          uint32_t columns_w, uint32_t columns_r, bool packed) {
    uint32_t columns[2] = {columns_w, columns_r};
    uint32_t at = word(tensors), rows = word(tensors + 8), rows_size = word(tensors + 12);
    uint64_t block_size = (packed ? 8 : 16) * ((uint64_t)columns_w + columns_r);
    uint32_t blocks = rows_size / (uint32_t)sizeof(el_rows);
    if (at > size || blocks * block_size > size - at || rows > size || rows_size > size - rows)
        return;
    for (uint32_t block = 0; block < blocks; block++, rows += (uint32_t)sizeof(el_rows)) {
        int32_t sums[2][EL_BLOCK_ROWS] = {{0}};
        for (int part = 0; part < 2; part++)
            for (uint32_t n = 0; packed && n < 8 * columns[part]; n++, at++) {
                unsigned low = file[at] & 15u, high = file[at] >> 4;
                low += low == 0;
                high += high == 0;
                file[at] = (unsigned char)(low | high << 4);
                sums[part][n / 4 % 16] += 16 * ((int32_t)(low + high) - 16);
            }
        for (int part = 0; part < 2 && !packed; part++)
            for (uint32_t n = 0; n < 16 * columns[part]; n++, at++) {
                if (file[at] == 0x80)
                    file[at] = 0x81;
                sums[part][n / 4 % 16] += (int8_t)file[at];
            }
        memcpy(file + rows + offsetof(el_rows, sum_w), sums[0], sizeof sums[0]);
        memcpy(file + rows + offsetof(el_rows, sum_r), sums[1], sizeof sums[1]);
    }
}

/* Make the sums of rows right, where the layer table points into the file. */
static void repair_sums(unsigned char *file, size_t size) {
    for (size_t n = 0; n < EL_MAX_LAYERS && 256 + 128 * n <= size; n++) {
        const unsigned char *entry = file + 128 + 128 * n;
        uint32_t kind = word(entry), source = word(entry + 4), units = word(entry + 20);
        uint32_t rows = 1, channels = word(file + 44);
        if (source > n)
            return;
        if (source > 0) {
            rows = word(file + 128 * source + 16);
            channels = word(file + 128 * source + 20);
        }
        uint32_t taps = kind == 4 ? word(entry + 84) : 0;
        uint64_t inputs = (uint64_t)(kind == 4 ? taps : rows) * channels;
        if (rows > EL_MAX_WIDTH || taps > EL_MAX_WIDTH || inputs > EL_MAX_WIDTH ||
            units > EL_MAX_WIDTH)
            return;
        uint32_t columns = el_round_up((uint32_t)inputs, 8), recurrent = el_round_up(units, 8);
        bool packed = word(file + 40) == EL_INT4 && (word(entry + 28) & 32u) != 0;
        repair_blocks(file, size, entry + 32, columns, kind == 1 ? recurrent : 0, packed);
        if (kind == 5)
            repair_blocks(file, size, entry + 48, recurrent, 0, packed);
    }
}

/* Fill a part with the file's own bytes, floats with small numbers made of these; sums keep their
 * zeros, which every count of frames allows. */
static void fill_part(const el_place *place, size_t at, const uint8_t *data, size_t data_size,
                      unsigned char *saved) {
    if (place->part.dtype == EL_DTYPE_FLOAT32) {
        for (size_t n = at; n < at + place->size; n += sizeof(float)) {
            float value = ((float)data[data_size - 1 - n % data_size] - 128.0f) / 16.0f;
            memcpy(saved + n, &value, sizeof value);
        }
    } else if (place->part.dtype != EL_DTYPE_FLOAT64) {
        for (size_t n = at; n < at + place->size; n++)
            saved[n] = data[data_size - 1 - n % data_size];
    }
}

/* The state after a few frames from one made of the file's own bytes. */
static void run_from_any_state(const el_model *model, const uint8_t *data, size_t data_size,
                               unsigned char *saved, size_t size) {
    el_info info;
    el_stream *stream;
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    float *frame = malloc(info.features * sizeof *frame);
    float *answer = malloc(info.outputs * sizeof *answer);
    CHECK(memory && frame && answer);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_save(stream, saved, size), EL_OK);
    el_walk walk = {0, 0};
    el_place place;
    for (size_t at = EL_SNAPSHOT_HEADER_SIZE; el_next_part(model, &model->own, &walk, &place);
         at += place.size)
        fill_part(&place, at, data, data_size, saved);
    uint64_t frames = 0; /* any phase */
    memcpy(&frames, data, data_size < 7 ? data_size : 7);
    memcpy(saved + 40, &frames, sizeof frames);
    uint32_t checksum = el_crc32(saved + 16, size - 16);
    memcpy(saved + 12, &checksum, sizeof checksum);
    CHECK_STATUS(el_stream_restore(stream, saved, size), EL_OK);
    for (unsigned n = 0; n < 4; n++) {
        for (uint32_t k = 0; k < info.features; k++)
            frame[k] = (float)data[(n * info.features + k) % data_size] - 128.0f;
        CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
    }
    CHECK_STATUS(el_stream_save(stream, saved, size), EL_OK);
    free(memory);
    free(frame);
    free(answer);
}

static void compare_with_scalar(const el_model *model, const uint8_t *data, size_t size,
                                const void *file) {
    static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE];
    if (!el_is_int8(model))
        return;
    el_model *scalar;
    CHECK(setenv("EDGELSTM_KERNEL", "scalar", 1) == 0);
    CHECK_STATUS(el_model_open(model_memory, sizeof model_memory, file, size, 0, &scalar), EL_OK);
    unsigned char *saved = malloc(model->own.snapshot_size),
                  *expected = malloc(model->own.snapshot_size);
    CHECK(saved && expected);
    run_from_any_state(model, data, size, saved, model->own.snapshot_size);
    run_from_any_state(scalar, data, size, expected, model->own.snapshot_size);
    CHECK(memcmp(saved, expected, model->own.snapshot_size) == 0);
    free(saved);
    free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE];
    static const char *const sets[] = {"scalar",     "avx2", "avxvnni",
                                       "avx512vnni", "neon", "dotprod"};
    size_t rounded = (size + EL_ALIGNMENT) / EL_ALIGNMENT * EL_ALIGNMENT;
    unsigned char *block = aligned_alloc(EL_ALIGNMENT, rounded);
    CHECK(block != NULL);
    if (size)
        memcpy(block, data, size);
    if (size >= 24) {
        uint64_t stated = size;
        memcpy(block + 16, &stated, sizeof stated);
        if (size > 128 && (word(block + 40) == EL_INT8 || word(block + 40) == EL_INT4))
            repair_sums(block, size);
        uint32_t checksum = el_crc32(block + 16, size - 16);
        memcpy(block + 12, &checksum, sizeof checksum);
    }
    /* The input picks the kernel set; one that this machine lacks falls to the best. */
    CHECK(setenv("EDGELSTM_KERNEL", sets[size % 6], 1) == 0);
    if (strcmp(el_kernel_name(), "none") == 0)
        unsetenv("EDGELSTM_KERNEL");
    el_model *model;
    unsigned flags = size / 6 % 2 ? EL_CHUNKS : 0;
    if (el_model_open(model_memory, sizeof model_memory, block, size, flags, &model) == EL_OK) {
        check_parts(model);
        if (is_small(model)) {
            stream_a_little(model);
            stream_other_answers(model, data, size);
            compare_with_scalar(model, data, size, block);
        }
    }
    free(block);
    return 0;
}
