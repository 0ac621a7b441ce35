/* Log-mel: the newest window of samples as logarithms of the energies in bands of frequencies, in
 * whole numbers up to the last step. docs/integer-arithmetic.md has the definition. Tables are of
 * anybody's making, so each is bounded such that no sum overflows: see check_tables. */
#include "fields.h"
#include "floats.h"
#include "kernels/kernels.h"
#include "kernels/logmel_steps.h"
#include "transform.h"

#define LEVEL_BITS_LESS 1 /* a level's step is two of a logarithm */
#define MOST_LEVEL (((63 - EL_LOGMEL_ONE) << EL_LOG_BITS) >> LEVEL_BITS_LESS)
#define MOST_REACH (200 << EL_LOG_BITS)

/* log2(1 + n / 64) in Q16; the last would be 1. */
static const uint16_t logarithms[64] = {
    0,     1466,  2909,  4331,  5732,  7112,  8473,  9814,  11136, 12440, 13727, 14996, 16248,
    17484, 18704, 19909, 21098, 22272, 23433, 24579, 25711, 26830, 27936, 29029, 30109, 31178,
    32234, 33279, 34312, 35334, 36346, 37346, 38336, 39316, 40286, 41246, 42196, 43137, 44068,
    44990, 45904, 46809, 47705, 48593, 49472, 50344, 51207, 52063, 52911, 53751, 54584, 55410,
    56229, 57040, 57845, 58643, 59434, 60219, 60997, 61769, 62534, 63294, 64047, 64794};

static uint32_t stage_values(uint32_t size) {
    uint32_t values = 0;
    for (uint32_t n = size / 2; n > 4; n /= 4)
        values += 6 * (n / 4);
    return values;
}

static __attribute__((cold)) bool is_turn(int32_t re, int32_t im) {
    uint64_t square = (uint64_t)((int64_t)re * re) + (uint64_t)((int64_t)im * im);
    return re != INT32_MIN && im != INT32_MIN &&
           square <= (UINT64_C(1) << 62) + (UINT64_C(1) << 32);
}

/* No turn makes anything longer; the first of each stage turns nothing. */
static bool are_turns(const el_logmel *logmel) {
    bool valid = true;
    const int32_t *table = logmel->turns;
    for (uint32_t n = logmel->size / 2; n > 4; n /= 4) {
        const uint32_t q = n / 4;
        for (uint32_t times = 0; times < 3; times++, table += 2 * q) {
            valid = valid && table[0] == INT32_MAX && table[q] == 0;
            for (uint32_t p = 0; p < q; p++)
                valid = valid && is_turn(table[p], table[q + p]);
        }
    }
    for (uint32_t k = 0; k < logmel->size / 4; k++)
        valid = valid && is_turn(table[k], table[logmel->size / 4 + k]);
    return valid;
}

/* Together no more than Hann's over a whole transform: then values in it stay below 2^28 and a
 * bit, and sums of six of them in 32 bits. */
static __attribute__((cold)) bool is_window(const el_logmel *logmel) {
    uint64_t sum = 0;
    bool valid = true;
    for (uint32_t n = 0; n < logmel->window; n++) {
        int64_t value = logmel->taper[n];
        valid = valid && value != INT32_MIN;
        sum += (uint64_t)(value < 0 ? -value : value);
    }
    return valid && sum <= ((uint64_t)logmel->size << 30) + logmel->size;
}

static __attribute__((cold)) el_status check_filters(const el_model *model, el_logmel *logmel,
                                                     const el_entry *entry) {
    const el_tensor tensor = entry->recurrent_rows;
    if (tensor.size < 4 * logmel->bands)
        return EL_ERROR_BOUNDS;
    el_status status = el_check_sized(model, entry->file_size, tensor, tensor.size);
    if (status != EL_OK)
        return status;
    logmel->filters = (const uint16_t *)(const void *)(model->file + tensor.offset);
    uint64_t weights = 0;
    for (uint32_t band = 0; band < logmel->bands; band++) {
        uint32_t first = logmel->filters[2 * band], count = logmel->filters[2 * band + 1];
        if (count == 0 || first + count > logmel->size / 2 + 1)
            return EL_ERROR_WEIGHTS;
        weights += count;
    }
    if (tensor.size != 4 * (uint64_t)logmel->bands + 2 * weights)
        return EL_ERROR_BOUNDS;
    for (uint64_t n = 0; n < weights; n++)
        if (logmel->filters[2 * logmel->bands + n] > 1u << EL_LOGMEL_WEIGHT_BITS)
            return EL_ERROR_WEIGHTS;
    return EL_OK;
}

static __attribute__((cold)) el_status check_tables(const el_model *model, el_logmel *logmel,
                                                    const el_entry *entry) {
    const uint64_t turns = (uint64_t)stage_values(logmel->size) + logmel->size / 2;
    el_status status = el_check_sized(model, entry->file_size, entry->weights,
                                      (uint64_t)logmel->window * sizeof(int32_t));
    if (status == EL_OK)
        status = el_check_sized(model, entry->file_size, entry->recurrent, turns * sizeof(int32_t));
    if (status == EL_OK)
        status = el_check_values(model, entry, entry->row_records, 2 * (uint64_t)logmel->bands,
                                 &logmel->scale);
    if (status != EL_OK)
        return status;
    logmel->offset = logmel->scale + logmel->bands;
    logmel->taper = (const int32_t *)(const void *)(model->file + entry->weights.offset);
    logmel->turns = (const int32_t *)(const void *)(model->file + entry->recurrent.offset);
    if (!is_window(logmel) || !are_turns(logmel))
        return EL_ERROR_WEIGHTS;
    return check_filters(model, logmel, entry);
}

EL_RECORD(el_logmel)

static __attribute__((cold)) el_status check(el_model *model, el_layer *layer,
                                             const el_entry *entry) {
    const int32_t size = entry->own[0], window = entry->own[1];
    const bool runs = entry->own[2] == 1;
    if ((size != 256 && size != 512 && size != 1024) || window < 2 || window > size ||
        layer->channels > EL_LOGMEL_BANDS)
        return EL_ERROR_LIMIT;
    if (window % 2 != 0 || layer->inputs > (uint32_t)window || layer->rows != 1 ||
        entry->activation != 0 || entry->own[2] < 0 || entry->own[2] > 1 || entry->own[3] < runs ||
        entry->own[3] > (runs ? MOST_LEVEL : 0) || entry->own[4] < runs ||
        entry->own[4] > (runs ? MOST_REACH : 0))
        return EL_ERROR_FIELD;
    el_logmel *logmel = el_logmel_in(layer);
    *logmel = (el_logmel){.size = (uint32_t)size,
                          .window = (uint32_t)window,
                          .bands = layer->channels,
                          .runs = runs,
                          .fall = entry->own[3],
                          .reach = entry->own[4]};
    layer->macs = (uint64_t)window + el_transform_macs((uint32_t)size) + (uint64_t)size;
    return check_tables(model, logmel, entry);
}

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    (void)model;
    out[0] = (el_part){.name = "samples",
                       .dtype = EL_DTYPE_INT16,
                       .rows = 1,
                       .channels = el_logmel_of(layer)->window,
                       .padded = el_logmel_of(layer)->window};
    out[1] =
        (el_part){.name = "level", .dtype = EL_DTYPE_INT16, .rows = 1, .channels = 1, .padded = 1};
    return el_logmel_of(layer)->runs ? 2 : 1;
}

/* Two pairs of arrays for the transform, from one to the other, then the powers. */
static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    const uint64_t size = el_logmel_of(layer)->size;
    return 8 * size + sizeof(uint64_t) * (size / 2 + 1);
}

/* log2 of 1 and above, in steps of 2^-EL_LOG_BITS. */
static int32_t log2_steps(uint64_t energy) {
    int32_t top = 63 - __builtin_clzll(energy);
    uint64_t scaled = top >= 30 ? energy >> (top - 30) : energy << (30 - top);
    uint32_t above = (uint32_t)scaled - (UINT32_C(1) << 30);
    uint32_t piece = above >> 24, rest = above >> 8 & 0xFFFF;
    uint32_t low = logarithms[piece], high = piece == 63 ? 1u << 16 : logarithms[piece + 1];
    int32_t value = (top << 16) + (int32_t)(low + (((high - low) * rest + (1u << 15)) >> 16));
    return (value + (1 << (15 - EL_LOG_BITS))) >> (16 - EL_LOG_BITS);
}

/* Of each band. An energy below 1 counts as 1. */
static void take_logarithms(const el_logmel *logmel, const uint64_t *energies, int32_t *logs) {
    const uint64_t one = UINT64_C(1) << EL_LOGMEL_ONE;
    for (uint32_t band = 0; band < logmel->bands; band++) {
        const uint64_t energy = energies[band] > one ? energies[band] : one;
        logs[band] = log2_steps(energy) - (int32_t)(EL_LOGMEL_ONE << EL_LOG_BITS);
    }
}

/* The loudest band's, or what is left of the one before; logarithms as they lie above it. */
static void follow_level(const el_logmel *logmel, int16_t *level, int32_t *logs) {
    int32_t loudest = 0, before = *level < 0 ? 0 : *level > MOST_LEVEL ? MOST_LEVEL : *level;
    for (uint32_t band = 0; band < logmel->bands; band++)
        loudest = logs[band] > loudest ? logs[band] : loudest;
    int32_t fallen = before - logmel->fall, newest = loudest >> LEVEL_BITS_LESS;
    newest = newest > fallen ? newest : fallen;
    *level = (int16_t)newest;
    for (uint32_t band = 0; band < logmel->bands; band++) {
        int32_t above = logs[band] - newest * (1 << LEVEL_BITS_LESS);
        logs[band] = above > -logmel->reach ? above : -logmel->reach;
    }
}

static void take_samples(const el_layer *layer, const float *restrict x,
                         int16_t *restrict samples) {
    const uint32_t hop = layer->inputs, kept = el_logmel_of(layer)->window - hop;
    memmove(samples, samples + hop, kept * sizeof *samples);
    int16_t *restrict newest = samples + kept;
    for (uint32_t n = 0; n < hop; n++)
        newest[n] = (int16_t)(int32_t)el_round(el_clamp(x[n], -32768.0f, 32767.0f));
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_logmel *logmel = el_logmel_of(layer);
    const el_kernels *kernels = stream->model->kernels;
    uint64_t energies[EL_LOGMEL_BANDS];
    int16_t *samples = el_stream_part(stream, layer->part_offset[0]);
    int32_t *values = el_stream_part(stream, stream->model->work_offset), logs[EL_LOGMEL_BANDS];
    uint64_t *power = (uint64_t *)(void *)(values + 2 * logmel->size);
    float *y = el_y(stream, layer);
    take_samples(layer, el_x(stream, layer), samples);
    if (kernels->logmel_power != NULL) {
        kernels->logmel_power(logmel, samples, values, power);
        kernels->logmel_energies(logmel, power, energies);
    } else {
        el_logmel_power(logmel, samples, values, power);
        el_logmel_energies(logmel, power, energies);
    }
    take_logarithms(logmel, energies, logs);
    if (logmel->runs)
        follow_level(logmel, el_stream_part(stream, layer->part_offset[1]), logs);
    for (uint32_t band = 0; band < logmel->bands; band++)
        y[band] = el_held((float)logs[band] * logmel->scale[band] + logmel->offset[band]);
}

const el_layer_type el_layer_logmel = {
    .name = "logmel",
    .is_float = true,
    .hears = true,
    .own_fields = 5,
    .check = check,
    .parts = parts,
    .work = work,
    .step = step,
};
