/* A stream's state as bytes: little-endian, without pointers, the same on every machine.
 *
 *    0  u8[8]  magic "ELSTATE" and 0
 *    8  u32    version, 0
 *   12  u32    CRC-32 of bytes 16 to the end
 *   16  u64    size in bytes, header included
 *   24  u8[16] identity of the model
 *   40  u64    frames since the initial state
 *   48  u8[16] zero
 *   64         per LSTM layer h (int8 or float32, H of them), then c (int16 or float32);
 *              then the float64 sums of scores, where answers are means */
#include "model.h"

#include <string.h>

#define SNAPSHOT_VERSION 0u

enum {
    S_VERSION = 8,
    S_CHECKSUM = 12,
    S_SIZE = 16,
    S_IDENTITY = 24,
    S_FRAMES = 40,
    S_RESERVED = 48,
    S_STATE = 64
};

static const uint8_t MAGIC[8] = {'E', 'L', 'S', 'T', 'A', 'T', 'E', 0};

/* The parts of the state in their order; null behind the last. Layers use two indices each. */
static void *state_part(const el_stream *stream, uint32_t index, size_t *size) {
    const el_model *model = stream->model;
    bool int8 = el_is_int8(model);
    const el_layer *layer = &model->layers[index / 2];
    if (layer->kind == EL_LSTM) {
        bool is_cell = index % 2 == 1;
        size_t value = int8 ? (is_cell ? sizeof(int16_t) : 1u) : sizeof(float);
        *size = layer->outputs * value;
        return el_stream_part(stream, is_cell ? layer->c_offset : layer->h_offset);
    }
    /* The first dense layer's place stands for the sums. */
    *size = (size_t)model->sums_blocks * model->outputs * sizeof(double);
    return index % 2 == 0 && *size != 0 ? el_stream_part(stream, model->sums_offset) : NULL;
}

el_status el_stream_save(const el_stream *stream, void *bytes, size_t size) {
    if (stream == NULL || bytes == NULL)
        return EL_ERROR_ARGUMENT;
    const el_model *model = stream->model;
    if (size < model->snapshot_size)
        return EL_ERROR_MEMORY;
    uint8_t *out = bytes;
    uint32_t version = SNAPSHOT_VERSION;
    uint64_t total = model->snapshot_size;
    memset(out, 0, S_STATE);
    memcpy(out, MAGIC, sizeof MAGIC);
    memcpy(out + S_VERSION, &version, sizeof version);
    memcpy(out + S_SIZE, &total, sizeof total);
    memcpy(out + S_IDENTITY, model->identity, EL_IDENTITY_SIZE);
    memcpy(out + S_FRAMES, &stream->frames, sizeof stream->frames);
    uint8_t *at = out + S_STATE;
    size_t part_size;
    const void *part;
    for (uint32_t n = 0; (part = state_part(stream, n, &part_size)) != NULL; n++) {
        memcpy(at, part, part_size);
        at += part_size;
    }
    uint32_t checksum = el_crc32(out + S_SIZE, model->snapshot_size - S_SIZE);
    memcpy(out + S_CHECKSUM, &checksum, sizeof checksum);
    return EL_OK;
}

/* |h| ≤ 1; |c| grows by at most 1 a frame and no longer at 2^24, where float32 cannot add 1. */
#define MAX_STATE 16777216.0f

static bool is_float_state(const uint8_t *bytes, size_t count) {
    for (size_t n = 0; n < count; n++) {
        float value;
        memcpy(&value, bytes + n * sizeof value, sizeof value);
        if (!(value >= -MAX_STATE && value <= MAX_STATE))
            return false;
    }
    return true;
}

static bool doubles_are_finite(const uint8_t *bytes, size_t count) {
    for (size_t n = 0; n < count; n++) {
        uint64_t bits;
        memcpy(&bits, bytes + n * sizeof bits, sizeof bits);
        if ((bits & UINT64_C(0x7FF0000000000000)) == UINT64_C(0x7FF0000000000000))
            return false;
    }
    return true;
}

static el_status check_snapshot(const el_model *model, const uint8_t *bytes, size_t size) {
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
    if (memcmp(bytes + S_IDENTITY, model->identity, EL_IDENTITY_SIZE) != 0)
        return EL_ERROR_IDENTITY;
    if (total != model->snapshot_size)
        return EL_ERROR_TRUNCATED;
    for (uint32_t n = S_RESERVED; n < S_STATE; n++)
        if (bytes[n] != 0)
            return EL_ERROR_FIELD;
    size_t sums = (size_t)model->sums_blocks * model->outputs;
    size_t recurrent = size - S_STATE - sums * sizeof(double);
    if (!el_is_int8(model) && !is_float_state(bytes + S_STATE, recurrent / sizeof(float)))
        return EL_ERROR_FIELD;
    if (!doubles_are_finite(bytes + S_STATE + recurrent, sums))
        return EL_ERROR_FIELD;
    return EL_OK;
}

el_status el_stream_restore(el_stream *stream, const void *bytes, size_t size) {
    if (stream == NULL || bytes == NULL)
        return EL_ERROR_ARGUMENT;
    el_status status = check_snapshot(stream->model, bytes, size);
    if (status != EL_OK)
        return status;
    const uint8_t *at = bytes;
    memcpy(&stream->frames, at + S_FRAMES, sizeof stream->frames);
    at += S_STATE;
    size_t part_size;
    void *part;
    for (uint32_t n = 0; (part = state_part(stream, n, &part_size)) != NULL; n++) {
        memcpy(part, at, part_size);
        at += part_size;
    }
    return EL_OK;
}
