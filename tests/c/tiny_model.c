#include "tiny_model.h"

#include "model.h"

#include <math.h>
#include <string.h>

static uint32_t seed;

/* -1 … 1 */
static double noise(void) {
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / (1 << 23) - 1.0;
}

static void put32(tiny_model *tiny, size_t at, uint32_t value) {
    memcpy(tiny->file + at, &value, sizeof value);
}

static void put_float(tiny_model *tiny, size_t at, float value) {
    memcpy(tiny->file + at, &value, sizeof value);
}

static uint32_t reserve(tiny_model *tiny, uint32_t size) {
    size_t at = (tiny->size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT;
    tiny->size = at + size;
    return (uint32_t)at;
}

/* Rows and columns of padding hold zeros, as the exporter writes them. */
static void put_int8_rows(tiny_model *tiny, uint32_t weights, uint32_t rows, uint32_t blocks,
                          uint32_t per_group, uint32_t outputs, uint32_t inputs, uint32_t columns_w,
                          uint32_t recurrent, uint32_t columns_r, int is_last) {
    for (uint32_t block = 0; block < blocks; block++) {
        el_rows record = {0};
        for (uint32_t row = 0; row < 16; row++) {
            uint32_t unit = block / per_group * 16 + row;
            if (unit >= outputs)
                continue;
            for (uint32_t column = 0; column < columns_w + columns_r; column++) {
                int is_w = column < columns_w;
                uint32_t source = is_w ? column : column - columns_w;
                int8_t value = 0;
                if (source < (is_w ? inputs : recurrent))
                    value = (int8_t)lrint(noise() * 127);
                size_t at = weights + (size_t)block * 16 * (columns_w + columns_r) +
                            column / 4 * 64 + row * 4 + column % 4;
                tiny->file[at] = (unsigned char)value;
                *(is_w ? &record.sum_w[row] : &record.sum_r[row]) += value;
            }
            record.bias[row] = (int32_t)lrint(noise() * 2000);
            record.multiplier_w[row] = (1 << 30) + (int32_t)(seed >> 4);
            record.shift_w[row] = columns_r ? -1 : -7;
            if (columns_r) {
                record.multiplier_r[row] = record.multiplier_w[row];
                record.shift_r[row] = -1;
            }
            if (is_last) {
                float scale = 1e-3f;
                memcpy(&record.multiplier_w[row], &scale, sizeof scale);
                record.shift_w[row] = 0;
            }
        }
        memcpy(tiny->file + rows + block * sizeof record, &record, sizeof record);
    }
}

static void put_layer(tiny_model *tiny, uint32_t index, el_precision precision, el_kind kind,
                      uint32_t inputs, uint32_t outputs, int relu, int is_last) {
    size_t entry = 128 + 64 * index;
    uint32_t per_group = kind == EL_LSTM ? 4 : 1, blocks = (outputs + 15) / 16 * per_group;
    uint32_t pad = precision == EL_INT8 ? 8 : 1;
    uint32_t columns_w = (inputs + pad - 1) / pad * pad;
    uint32_t columns_r = kind == EL_LSTM ? (outputs + pad - 1) / pad * pad : 0;
    uint32_t value = precision == EL_INT8 ? 1 : 4, record = precision == EL_INT8 ? 24 : 4;
    uint32_t weights_size = blocks * 16 * (columns_w + columns_r) * value;
    uint32_t rows_size = blocks * 16 * record;
    uint32_t weights = reserve(tiny, weights_size), rows = reserve(tiny, rows_size);
    put32(tiny, entry, kind);
    put32(tiny, entry + 4, inputs);
    put32(tiny, entry + 8, outputs);
    put32(tiny, entry + 12, (uint32_t)relu);
    put32(tiny, entry + 16, weights);
    put32(tiny, entry + 20, weights_size);
    put32(tiny, entry + 24, rows);
    put32(tiny, entry + 28, rows_size);
    if (precision == EL_INT8) {
        put32(tiny, entry + 32, index == 0 ? 3u : (uint32_t)-5); /* zero point in */
        put32(tiny, entry + 36, (uint32_t)-5);                   /* zero point out */
        if (kind == EL_LSTM) {
            put32(tiny, entry + 40, (uint32_t)-12);
            put32(tiny, entry + 44, 1 << 30);
            put32(tiny, entry + 48, (uint32_t)-22);
        }
        put_int8_rows(tiny, weights, rows, blocks, per_group, outputs, inputs, columns_w,
                      kind == EL_LSTM ? outputs : 0, columns_r, is_last);
    } else {
        for (uint32_t n = 0; n < weights_size / 4; n++)
            put_float(tiny, weights + 4 * n, (float)noise() * 0.7f);
        for (uint32_t n = 0; n < rows_size / 4; n++)
            put_float(tiny, rows + 4 * n, (float)noise() * 0.3f);
    }
}

void tiny_make(tiny_model *tiny, el_precision precision, el_pooling pooling, uint32_t window,
               uint32_t hop) {
    seed = 7;
    memset(tiny, 0, sizeof *tiny);
    memcpy(tiny->file,
           "\x89"
           "ELSTM\r\n",
           8);
    memcpy(tiny->file + 24, "identity of tiny", 16);
    put32(tiny, 40, precision);
    put32(tiny, 44, TINY_FEATURES);
    put32(tiny, 48, TINY_OUTPUTS);
    put32(tiny, 52, 4);
    put32(tiny, 56, EL_SOFTMAX);
    put32(tiny, 60, pooling);
    put32(tiny, 64, window);
    put32(tiny, 68, hop);
    put_float(tiny, 72, 50.0f);
    tiny->size = 128 + 4 * 64;
    uint32_t input = reserve(tiny, 2 * TINY_FEATURES * sizeof(float));
    put32(tiny, 76, input);
    for (uint32_t n = 0; n < TINY_FEATURES; n++) {
        put_float(tiny, input + 4 * n, precision == EL_INT8 ? 40.0f : 1.1f);
        put_float(tiny, input + 4 * (TINY_FEATURES + n), precision == EL_INT8 ? 3.0f : 0.1f);
    }
    put_layer(tiny, 0, precision, EL_LSTM, TINY_FEATURES, 5, 0, 0);
    put_layer(tiny, 1, precision, EL_LSTM, 5, 3, 0, 0);
    put_layer(tiny, 2, precision, EL_DENSE, 3, 4, 1, 0);
    put_layer(tiny, 3, precision, EL_DENSE, 4, TINY_OUTPUTS, 0, 1);
    uint32_t metadata = reserve(tiny, 2);
    memcpy(tiny->file + metadata, "{}", 2);
    put32(tiny, 80, metadata);
    put32(tiny, 84, 2);
    put32(tiny, 16, (uint32_t)tiny->size);
    tiny_seal(tiny);
}

void tiny_seal(tiny_model *tiny) {
    put32(tiny, 12, el_crc32(tiny->file + 16, tiny->size - 16));
}

el_status tiny_open(tiny_model *tiny) {
    return el_model_open(tiny->memory, sizeof tiny->memory, tiny->file, tiny->size, 0,
                         &tiny->model);
}

void tiny_frame(unsigned n, float frame[TINY_FEATURES]) {
    for (unsigned k = 0; k < TINY_FEATURES; k++)
        frame[k] = sinf((float)n * (0.11f + 0.07f * (float)k)) * 1.5f;
}
