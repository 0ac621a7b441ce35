#include "tiny_model.h"

#include "check.h"
#include "model.h"

#include <math.h>
#include <string.h>

static uint32_t seed;
static int wide; /* the input has 16 bits */

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
    CHECK(tiny->size <= sizeof tiny->file);
    return (uint32_t)at;
}

/* What the blocks of a tensor are made of: 16 rows × the columns of W, then those of R. Block b
 * holds the rows of units from b / per_group · 16 on, or, where gates lie one after the other, of b
 * modulo `groups`. */
typedef struct shape {
    uint32_t blocks, per_group, groups;
    uint32_t outputs, inputs, recurrent;
    int shift;
    int gives_scores;
} shape;

static uint32_t padded(uint32_t columns, el_precision precision) {
    return precision == EL_INT8 ? (columns + 7) / 8 * 8 : columns;
}

static uint32_t first_unit(const shape *of, uint32_t block) {
    return 16 * (of->groups ? block % of->groups : block / of->per_group);
}

/* Rows and columns of padding hold zeros, as the exporter writes them. */
static void put_int8(tiny_model *tiny, const shape *of, uint32_t weights, uint32_t rows) {
    uint32_t columns_w = padded(of->inputs, EL_INT8), columns_r = padded(of->recurrent, EL_INT8);
    for (uint32_t block = 0; block < of->blocks; block++) {
        el_rows record = {0};
        for (uint32_t row = 0; row < 16; row++) {
            if (first_unit(of, block) + row >= of->outputs)
                continue;
            for (uint32_t column = 0; column < columns_w + columns_r; column++) {
                int is_w = column < columns_w;
                uint32_t source = is_w ? column : column - columns_w;
                int8_t value = 0;
                if (source < (is_w ? of->inputs : of->recurrent))
                    value = (int8_t)lrint(noise() * 127);
                size_t at = weights + (size_t)block * 16 * (columns_w + columns_r) +
                            column / 4 * 64 + row * 4 + column % 4;
                tiny->file[at] = (unsigned char)value;
                *(is_w ? &record.sum_w[row] : &record.sum_r[row]) += value;
            }
            record.bias[row] = (int32_t)lrint(noise() * 2000);
            record.multiplier_w[row] = (1 << 30) + (int32_t)(seed >> 4);
            record.shift_w[row] = (int8_t)of->shift;
            if (columns_r) {
                record.multiplier_r[row] = record.multiplier_w[row];
                record.shift_r[row] = (int8_t)of->shift;
            }
            if (of->gives_scores) {
                float scale = 1e-3f;
                memcpy(&record.multiplier_w[row], &scale, sizeof scale);
                record.shift_w[row] = 0;
            }
        }
        memcpy(tiny->file + rows + block * sizeof record, &record, sizeof record);
    }
}

/* Tensors of weights and rows; their offsets and sizes go to `at` in the table. */
static void put_tensors(tiny_model *tiny, el_precision precision, size_t at, const shape *of) {
    uint32_t value = precision == EL_INT8   ? 1
                     : precision == EL_BF16 ? 2
                                            : 4,
             record = precision == EL_INT8 ? 24 : 4;
    uint32_t columns = padded(of->inputs, precision) + padded(of->recurrent, precision);
    uint32_t weights_size = of->blocks * 16 * columns * value;
    uint32_t rows_size = of->blocks * 16 * record;
    uint32_t weights = reserve(tiny, weights_size), rows = reserve(tiny, rows_size);
    put32(tiny, at, weights);
    put32(tiny, at + 4, weights_size);
    put32(tiny, at + 8, rows);
    put32(tiny, at + 12, rows_size);
    if (precision == EL_INT8) {
        put_int8(tiny, of, weights, rows);
        return;
    }
    for (uint32_t n = 0; n < weights_size / value; n++) {
        float weight = (float)noise() * 0.7f;
        memcpy(tiny->file + weights + value * n, (char *)&weight + 4 - value, value);
    }
    for (uint32_t n = 0; n < rows_size / 4; n++)
        put_float(tiny, rows + 4 * n, (float)noise() * 0.3f);
}

/* Blocks of `from` to `to` of the columns of blocks that have `columns`, at `weights`, as a tensor
 * of its own. */
static uint32_t put_columns(tiny_model *tiny, const shape *of, uint32_t weights, uint32_t columns,
                            uint32_t from, uint32_t to) {
    uint32_t size = 16 * (to - from), at = reserve(tiny, of->blocks * size);
    for (uint32_t block = 0; block < of->blocks; block++)
        memcpy(tiny->file + at + block * size,
               tiny->file + weights + 16 * ((size_t)block * columns + from), size);
    return at;
}

/* The tensors of an LSTM whose W lies apart: made with both together, then parted. */
static void put_wide(tiny_model *tiny, size_t at, const shape *of) {
    uint32_t inputs = padded(of->inputs, EL_INT8),
             columns = inputs + padded(of->recurrent, EL_INT8);
    uint32_t rows = reserve(tiny, of->blocks * (uint32_t)sizeof(el_rows));
    uint32_t both = reserve(tiny, of->blocks * 16 * columns);
    put_int8(tiny, of, both, rows);
    put32(tiny, at, put_columns(tiny, of, both, columns, inputs, columns));
    put32(tiny, at + 4, of->blocks * 16 * (columns - inputs));
    put32(tiny, at + 8, rows);
    put32(tiny, at + 12, of->blocks * (uint32_t)sizeof(el_rows));
    put32(tiny, at + 16, put_columns(tiny, of, both, columns, 0, inputs));
    put32(tiny, at + 20, of->blocks * 16 * inputs);
}

/* A result: its shape, zero point and bytes. */
typedef struct result {
    uint32_t rows, channels;
    int zero_point;
} result;

static uint32_t size_of(result of, el_precision precision) {
    return (of.rows * of.channels * (precision == EL_INT8 ? 1 : 4) + 63) / 64 * 64;
}

static result result_of(const tiny_layer *layer, result x) {
    switch (layer->kind) {
    case TINY_CONTEXT:
        return (result){layer->own[0], x.rows * x.channels, x.zero_point};
    case TINY_CONV:
        return (result){(x.rows - (layer->own[0] - 1) * layer->own[2] - 1) / layer->own[1] + 1,
                        layer->width, -5};
    case TINY_SPECTRUM:
        return (result){(x.channels - layer->own[0]) / layer->own[1] + 1, layer->own[0] + 2, 0};
    default:
        return (result){1, layer->width, -5};
    }
}

/* cos, then sin, of 2πk / size. */
static void put_turns(tiny_model *tiny, size_t at, uint32_t size) {
    uint32_t table = reserve(tiny, size * (uint32_t)sizeof(float));
    put32(tiny, at, table);
    put32(tiny, at + 4, size * (uint32_t)sizeof(float));
    for (uint32_t k = 0; k < size / 2; k++) {
        double angle = 6.283185307179586 * k / size;
        put_float(tiny, table + 4 * k, (float)cos(angle));
        put_float(tiny, table + 4 * (size / 2 + k), (float)sin(angle));
    }
}

/* The tensors of a layer, and its own fields. */
static void put_kind(tiny_model *tiny, el_precision precision, size_t entry,
                     const tiny_layer *layer, result x, int is_first, int is_last) {
    uint32_t groups = (layer->width + 15) / 16, inputs = x.rows * x.channels;
    int int8 = precision == EL_INT8;
    shape w = {groups, 1, 0, layer->width, inputs, 0, -7, is_last};
    if (layer->kind == TINY_CONV)
        w.inputs = layer->own[0] * x.channels;
    if (layer->kind == TINY_LSTM)
        w = (shape){4 * groups, 4, 0, layer->width, inputs, layer->width, -1, 0};
    if (layer->kind == TINY_GRU)
        w = (shape){3 * groups, 1, groups, layer->width, inputs, 0, -1, 0};
    if (layer->kind == TINY_LSTM && is_first && wide) /* W lies apart, and its records with R's */
        put_wide(tiny, entry + TINY_WEIGHTS, &w);
    else if (layer->kind == TINY_SPECTRUM)
        put_turns(tiny, entry + TINY_WEIGHTS, layer->own[0]);
    else if (layer->kind != TINY_CONTEXT)
        put_tensors(tiny, precision, entry + TINY_WEIGHTS, &w);
    if (layer->kind == TINY_GRU) {
        shape r = {3 * groups, 1, groups, layer->width, layer->width, 0, -1, 0};
        put_tensors(tiny, precision, entry + TINY_WEIGHTS + 16, &r);
    }
    for (size_t n = 0; n < 3; n++)
        put32(tiny, entry + 84 + 4 * n, layer->own[n]);
    if (layer->kind == TINY_LSTM && int8)
        put32(tiny, entry + 84, (uint32_t)-12);
    if ((layer->kind == TINY_LSTM || layer->kind == TINY_GRU) && int8) {
        put32(tiny, entry + 76, 1 << 30);
        put32(tiny, entry + 80, (uint32_t)(layer->kind == TINY_LSTM ? -22 : -7));
    }
}

/* Results that are no state take turns on two places: each is read by the next layer alone. */
static void put_layers(tiny_model *tiny, el_precision precision, uint32_t features,
                       const tiny_layer *layers, uint32_t n) {
    result x = {1, features, wide ? 0 : 3};
    uint32_t places[2] = {size_of((result){1, features * (wide ? 2 : 1), 0}, precision), 0};
    result results[EL_MAX_LAYERS];
    for (uint32_t k = 0; k < n; k++) {
        results[k] = x = result_of(&layers[k], x);
        uint32_t size = size_of(x, precision);
        places[(k + 1) % 2] = places[(k + 1) % 2] > size ? places[(k + 1) % 2] : size;
    }
    put32(tiny, 88, places[0] + places[1]);
    x = (result){1, features, wide ? 0 : 3};
    for (uint32_t k = 0; k < n; x = results[k++]) {
        size_t entry = TINY_TABLE + TINY_ENTRY * k;
        int kind = layers[k].kind, is_last = k + 1 == n;
        int keeps =
            kind == TINY_LSTM || kind == TINY_CONTEXT || (kind == TINY_GRU && precision != EL_INT8);
        put32(tiny, entry, (uint32_t)kind);
        put32(tiny, entry + 4, k);
        put32(tiny, entry + 12, (uint32_t)layers[k].relu);
        put32(tiny, entry + 16, results[k].rows);
        put32(tiny, entry + 20, results[k].channels);
        put32(tiny, entry + 24, keeps || is_last ? 0 : k % 2 ? 0 : places[0]);
        if (precision == EL_INT8) {
            put32(tiny, entry + 64, (uint32_t)x.zero_point);
            put32(tiny, entry + 68, (uint32_t)results[k].zero_point);
        }
        put_kind(tiny, precision, entry, &layers[k], x, k == 0, is_last);
    }
}

void tiny_build(tiny_model *tiny, el_precision precision, tiny_answer answer, uint32_t features,
                const tiny_layer *layers, uint32_t n) {
    seed = 7;
    memset(tiny, 0, sizeof *tiny);
    memcpy(tiny->file,
           "\x89"
           "ELSTM\r\n",
           8);
    memcpy(tiny->file + 24, "identity of tiny", 16);
    put32(tiny, 8, 1);
    put32(tiny, 40, precision);
    put32(tiny, 44, features);
    put32(tiny, 48, layers[n - 1].width);
    put32(tiny, 52, n);
    put32(tiny, 56, EL_SOFTMAX);
    put32(tiny, 60, answer.pooling);
    put32(tiny, 64, answer.window);
    put32(tiny, 68, answer.hop);
    put_float(tiny, 72, 50.0f);
    tiny->size = TINY_TABLE + (size_t)n * TINY_ENTRY;
    uint32_t input = reserve(tiny, 2 * features * (uint32_t)sizeof(float));
    put32(tiny, 76, input);
    uint32_t mean = precision == EL_INT8 ? reserve(tiny, features * (uint32_t)sizeof(float)) : 0;
    put32(tiny, 96, mean);
    put32(tiny, 100, (uint32_t)wide);
    for (uint32_t k = 0; k < features; k++) {
        put_float(tiny, input + 4 * k, wide ? 300.0f : precision == EL_INT8 ? 40.0f : 1.1f);
        put_float(tiny, input + 4 * (features + k),
                  wide                   ? 0.0f
                  : precision == EL_INT8 ? 3.0f
                                         : 0.1f);
        if (precision == EL_INT8)
            put_float(tiny, mean + 4 * k, 0.1f);
    }
    put_layers(tiny, precision, features, layers, n);
    uint32_t metadata = reserve(tiny, 2);
    memcpy(tiny->file + metadata, "{}", 2);
    put32(tiny, 80, metadata);
    put32(tiny, 84, 2);
    put32(tiny, 16, (uint32_t)tiny->size);
    tiny_seal(tiny);
}

void tiny_build_wide(tiny_model *tiny, tiny_answer answer, uint32_t features,
                     const tiny_layer *layers, uint32_t n) {
    wide = 1;
    tiny_build(tiny, EL_INT8, answer, features, layers, n);
    wide = 0;
}

void tiny_make(tiny_model *tiny, el_precision precision, el_pooling pooling, uint32_t window,
               uint32_t hop) {
    static const tiny_layer layers[] = {{TINY_LSTM, 5, 0, {0}},
                                        {TINY_LSTM, 3, 0, {0}},
                                        {TINY_DENSE, 4, 1, {0}},
                                        {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
    tiny_build(tiny, precision, (tiny_answer){pooling, window, hop}, TINY_FEATURES, layers, 4);
}

void tiny_seal(tiny_model *tiny) {
    put32(tiny, 12, el_crc32(tiny->file + 16, tiny->size - 16));
}

el_status tiny_open_with(tiny_model *tiny, unsigned flags) {
    return el_model_open(tiny->memory, sizeof tiny->memory, tiny->file, tiny->size, flags,
                         &tiny->model);
}

el_status tiny_open(tiny_model *tiny) {
    return tiny_open_with(tiny, 0);
}

void tiny_frame(unsigned n, float frame[TINY_FEATURES]) {
    for (unsigned k = 0; k < TINY_FEATURES; k++)
        frame[k] = sinf((float)n * (0.11f + 0.07f * (float)k)) * 1.5f;
}
