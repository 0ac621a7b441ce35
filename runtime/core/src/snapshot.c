/* A stream's state as bytes: little-endian, without pointers, the same on every machine.
 *
 *    0  u8[8]  magic "ELSTATE" and 0
 *    8  u32    version, 1
 *   12  u32    CRC-32 of bytes 16 to the end
 *   16  u64    size in bytes, header included
 *   24  u8[16] identity of the model
 *   40  u64    frames since the initial state
 *   48  u16    1 where the next three tell the answers that the stream gives; 0, with zeros there,
 *              where these are the model's own
 *   50  u16    samples that wait for the rest of their frame
 *   52  u32    pooling
 *   56  u32    window
 *   60  u32    hop
 *   64         the parts of the state, in their order: see parts.h
 *
 * Samples come last, in snapshots of streams that keep some: EL_SAMPLES. One without any may end
 * before them, or have room for them where the stream has none. */
#include "answer.h"
#include "fields.h"
#include "parts.h"

#include <string.h>

#define SNAPSHOT_VERSION 1u
/* A stream at a million frames a second takes 146,000 years to come there: no count overflows. */
#define MAX_FRAMES (UINT64_C(1) << 62)
/* No score is larger: hidden results are at most 1e27, weights 1e6, a row has at most 2^14 columns.
 * A mean of such is finite as a float32. */
#define MAX_SCORE 3.4e38

enum {
    S_VERSION = 8,
    S_CHECKSUM = 12,
    S_SIZE = 16,
    S_IDENTITY = 24,
    S_FRAMES = 40,
    S_HAS_ANSWER = 48,
    S_WAITING = 50,
    S_ANSWER = 52,
    S_STATE = 64
};

static const uint8_t MAGIC[8] = {'E', 'L', 'S', 'T', 'A', 'T', 'E', 0};

_Static_assert(S_ANSWER + sizeof(el_answer) == S_STATE, "an answer ends the header");

static bool are_same(const el_answer *one, const el_answer *other) {
    return memcmp(one, other, sizeof *one) == 0;
}

static void write_answer(const el_stream *stream, uint8_t *out) {
    uint16_t has_answer = !are_same(&stream->plan.answer, &stream->model->own.answer);
    memcpy(out + S_HAS_ANSWER, &has_answer, sizeof has_answer);
    if (has_answer)
        memcpy(out + S_ANSWER, &stream->plan.answer, sizeof stream->plan.answer);
}

/* A snapshot is gone on from where its answers are the stream's: sums of others mean nothing. */
static el_status check_answer(const el_stream *stream, const uint8_t *bytes) {
    el_answer answer = stream->model->own.answer;
    uint16_t has_answer = el_u16(bytes + S_HAS_ANSWER);
    if (has_answer > 1 || (has_answer == 0 && !el_all_zero(bytes + S_ANSWER, sizeof answer)))
        return EL_ERROR_FIELD;
    if (has_answer == 1) {
        memcpy(&answer, bytes + S_ANSWER, sizeof answer);
        if (are_same(&answer, &stream->model->own.answer))
            return EL_ERROR_FIELD; /* there is one way to say so */
    }
    return are_same(&answer, &stream->plan.answer) ? EL_OK : EL_ERROR_OTHER_ANSWER;
}

el_status el_stream_save(const el_stream *stream, void *bytes, size_t size) {
    if (stream == NULL || bytes == NULL)
        return EL_ERROR_ARGUMENT;
    const el_model *model = stream->model;
    if (size < stream->plan.snapshot_size)
        return EL_ERROR_MEMORY;
    uint8_t *out = bytes;
    uint32_t version = SNAPSHOT_VERSION;
    uint64_t total = stream->plan.snapshot_size;
    memset(out, 0, S_STATE);
    memcpy(out, MAGIC, sizeof MAGIC);
    memcpy(out + S_VERSION, &version, sizeof version);
    memcpy(out + S_SIZE, &total, sizeof total);
    memcpy(out + S_IDENTITY, model->identity, EL_IDENTITY_SIZE);
    memcpy(out + S_FRAMES, &stream->frames, sizeof stream->frames);
    write_answer(stream, out);
    const uint16_t waiting = (uint16_t)stream->waiting;
    memcpy(out + S_WAITING, &waiting, sizeof waiting);
    uint8_t *at = out + S_STATE;
    el_walk walk = {0, 0};
    el_place place;
    while (el_next_part(model, &stream->plan, &walk, &place)) {
        memcpy(at, el_stream_part(stream, place.offset), place.size);
        at += place.size;
    }
    if (el_keeps_samples(model)) { /* behind those that wait lie some that were taken */
        const size_t taken = el_waiting_size(model) - waiting * sizeof(float);
        memset(at - taken, 0, taken);
    }
    uint32_t checksum = el_crc32(out + S_SIZE, (size_t)total - S_SIZE);
    memcpy(out + S_CHECKSUM, &checksum, sizeof checksum);
    return EL_OK;
}

/* float32 values that a layer can go on from; NaN is none. */
static bool are_values(const el_place *place, const uint8_t *bytes) {
    size_t count = (size_t)place->part.rows * place->part.channels;
    bool valid = true;
    for (size_t n = 0; n < count; n++)
        valid = valid && el_is_finite_up_to(el_f32(bytes + n * sizeof(float)), place->part.limit);
    return valid;
}

/* Sums that as many runs as they stand for come to, and maxima behind them; NaN is none. */
static bool are_sums(const el_stream *stream, const el_place *place, uint64_t frames,
                     const uint8_t *bytes) {
    bool valid = true;
    for (uint32_t row = 0; row < place->part.rows; row++) {
        uint64_t runs = el_answer_runs_in(stream, frames, row);
        for (uint32_t n = 0; n < place->part.channels; n++, bytes += sizeof(double)) {
            uint64_t scores = n < stream->model->outputs || runs == 0 ? runs : 1;
            double value, most = (double)scores * MAX_SCORE;
            memcpy(&value, bytes, sizeof value);
            valid = valid && value >= -most && value <= most;
        }
    }
    return valid;
}

static el_status check_state(const el_stream *stream, const uint8_t *bytes, size_t size) {
    el_walk walk = {0, 0};
    el_place place;
    uint64_t frames;
    memcpy(&frames, bytes + S_FRAMES, sizeof frames);
    if (frames > MAX_FRAMES)
        return EL_ERROR_FIELD;
    const uint16_t waiting = el_u16(bytes + S_WAITING);
    if (waiting != 0 && (!el_keeps_samples(stream->model) || waiting >= stream->model->features))
        return EL_ERROR_FIELD;
    const uint8_t *end = bytes + size;
    bytes += S_STATE;
    for (; bytes != end && el_next_part(stream->model, &stream->plan, &walk, &place);
         bytes += place.size)
        if ((place.part.dtype == EL_DTYPE_FLOAT32 && !are_values(&place, bytes)) ||
            (place.part.dtype == EL_DTYPE_FLOAT64 && !are_sums(stream, &place, frames, bytes)))
            return EL_ERROR_FIELD;
    return EL_OK;
}

/* Those of streams that keep no samples end where they would begin; those of streams that do may be
 * gone on from without, as long as none waits. */
static bool has_no_samples(const el_stream *stream, const uint8_t *bytes, size_t size) {
    const el_model *model = stream->model;
    const size_t least = stream->plan.snapshot_size - el_waiting_size(model);
    return el_u16(bytes + S_WAITING) == 0 &&
           (size == least || size == least + model->features * sizeof(float));
}

static el_status check_snapshot(const el_stream *stream, const uint8_t *bytes, size_t size) {
    uint32_t version, checksum;
    uint64_t total;
    if (size < sizeof MAGIC || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return EL_ERROR_MAGIC;
    if (size < S_STATE)
        return EL_ERROR_TRUNCATED;
    memcpy(&version, bytes + S_VERSION, sizeof version);
    if (version != SNAPSHOT_VERSION)
        return EL_ERROR_VERSION;
    memcpy(&total, bytes + S_SIZE, sizeof total);
    if (total != size)
        return EL_ERROR_TRUNCATED;
    memcpy(&checksum, bytes + S_CHECKSUM, sizeof checksum);
    if (checksum != el_crc32(bytes + S_SIZE, size - S_SIZE))
        return EL_ERROR_CHECKSUM;
    if (memcmp(bytes + S_IDENTITY, stream->model->identity, EL_IDENTITY_SIZE) != 0)
        return EL_ERROR_IDENTITY;
    el_status status = check_answer(stream, bytes);
    if (status != EL_OK)
        return status;
    if (total != stream->plan.snapshot_size && !has_no_samples(stream, bytes, size))
        return EL_ERROR_TRUNCATED;
    return check_state(stream, bytes, size);
}

el_status el_stream_restore(el_stream *stream, const void *bytes, size_t size) {
    if (stream == NULL || bytes == NULL)
        return EL_ERROR_ARGUMENT;
    el_status status = check_snapshot(stream, bytes, size);
    if (status != EL_OK)
        return status;
    const uint8_t *at = bytes;
    memcpy(&stream->frames, at + S_FRAMES, sizeof stream->frames);
    stream->waiting = el_u16(at + S_WAITING);
    at += S_STATE;
    el_walk walk = {0, 0};
    el_place place;
    const uint8_t *end = (const uint8_t *)bytes + size;
    while (at != end && el_next_part(stream->model, &stream->plan, &walk, &place)) {
        memcpy(el_stream_part(stream, place.offset), at, place.size);
        at += place.size;
    }
    el_answer_add_up(stream);
    return EL_OK;
}
