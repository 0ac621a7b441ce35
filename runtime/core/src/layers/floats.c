#include "floats.h"

#define SUM_LANES 16u

float el_own_float(const el_entry *entry, size_t n) {
    float value;
    memcpy(&value, &entry->own[n], sizeof value);
    return value;
}

el_status el_check_values(const el_model *model, const el_entry *entry, el_tensor tensor,
                          uint64_t count, const float **values) {
    el_status status =
        el_check_sized(model, entry->file_size, tensor, count * (uint64_t)sizeof(float));
    if (status != EL_OK)
        return status;
    *values = (const float *)(const void *)(model->file + tensor.offset);
    return el_check_floats(*values, count);
}

bool el_is_bare(const el_entry *entry) {
    return entry->activation == 0 && entry->weights.size == 0 && entry->row_records.size == 0 &&
           entry->recurrent.size == 0 && entry->recurrent_rows.size == 0;
}

uint64_t el_work_of_scores(const el_model *model, const el_layer *layer) {
    (void)model;
    return layer->gives_scores ? (uint64_t)layer->channels * sizeof(float) : 0;
}

static float add_up(float lanes[SUM_LANES]) {
    for (uint32_t half = SUM_LANES / 2; half > 0; half /= 2)
        for (uint32_t n = 0; n < half; n++)
            lanes[n] += lanes[n + half];
    return lanes[0];
}

float el_sum(const float *values, uint32_t count) {
    float lanes[SUM_LANES] = {0};
    uint32_t n = 0;
    for (; n + SUM_LANES <= count; n += SUM_LANES)
        for (uint32_t lane = 0; lane < SUM_LANES; lane++)
            lanes[lane] += values[n + lane];
    for (uint32_t lane = 0; n + lane < count; lane++)
        lanes[lane] += values[n + lane];
    return add_up(lanes);
}

float el_sum_of_squares(const float *values, uint32_t count, float less) {
    float lanes[SUM_LANES] = {0};
    uint32_t n = 0;
    for (; n + SUM_LANES <= count; n += SUM_LANES)
        for (uint32_t lane = 0; lane < SUM_LANES; lane++) {
            float centred = values[n + lane] - less;
            lanes[lane] += centred * centred;
        }
    for (uint32_t lane = 0; n + lane < count; lane++) {
        float centred = values[n + lane] - less;
        lanes[lane] += centred * centred;
    }
    return add_up(lanes);
}
