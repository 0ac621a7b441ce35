/* What a file says of an LSTM layer. */
#include "lstm.h"

#include "fields.h"
#include "int16.h"
#include "recurrence.h"

static __attribute__((cold)) bool check_rows(const el_rows *rows, const int32_t *sums_w,
                                             const int32_t *sums_r) {
    bool valid = true;
    for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
        valid = valid && rows->sum_w[n] == sums_w[n] && rows->sum_r[n] == sums_r[n] &&
                rows->bias[n] >= -EL_MAX_BIAS && rows->bias[n] <= EL_MAX_BIAS &&
                el_is_multiplier(rows->multiplier_w[n], rows->shift_w[n]) &&
                el_is_multiplier(rows->multiplier_r[n], rows->shift_r[n]);
    return valid;
}

static __attribute__((cold)) el_status check_int8(el_layer *layer) {
    el_lstm *lstm = el_lstm_in(layer);
    const uint8_t *weights = lstm->weights, *apart = lstm->w.weights;
    const el_rows *rows = lstm->rows;
    uint32_t columns_w = layer->wide ? lstm->w.columns : lstm->columns_w;
    int32_t furthest = layer->wide ? EL_FURTHEST_16 : EL_FURTHEST_8;
    el_lstm_forget_rows(lstm);
    for (uint32_t block = 0; block < lstm->groups * EL_GATES; block++, rows++) {
        int32_t sums_w[EL_BLOCK_ROWS], sums_r[EL_BLOCK_ROWS];
        const uint8_t **of_w = layer->wide ? &apart : &weights;
        bool valid = el_sum_block(layer, *of_w, layer->inputs, columns_w, sums_w);
        *of_w += el_weights_size(layer, (uint64_t)EL_BLOCK_ROWS * columns_w);
        valid = el_sum_block(layer, weights, layer->channels, lstm->columns_r, sums_r) && valid;
        weights += el_weights_size(layer, (uint64_t)EL_BLOCK_ROWS * lstm->columns_r);
        if (!valid || !check_rows(rows, sums_w, sums_r))
            return EL_ERROR_WEIGHTS;
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            el_lstm_learn_row(lstm, rows, n, columns_w, furthest);
    }
    return layer->wide ? el_check_wide(&lstm->w, layer->inputs) : EL_OK;
}

static __attribute__((cold)) el_status check_fields(const el_layer *layer, const el_entry *entry) {
    if (entry->activation != 0 ||
        (entry->recurrent.size != 0) != (layer->wide || el_has_int16(layer)) ||
        (entry->recurrent_rows.size != 0) != el_has_int16(layer))
        return EL_ERROR_FIELD;
    if (!el_has_int8(layer))
        return entry->own[0] == 0 ? EL_OK : EL_ERROR_FIELD;
    if (entry->own[0] < -15 || entry->own[0] > -5 || entry->multiplier == 0 ||
        !el_is_multiplier(entry->multiplier, entry->shift) || entry->shift > 0)
        return EL_ERROR_FIELD;
    return EL_OK;
}

/* W of a layer with 16-bit inputs: in the tensor that a GRU has for R. */
static el_status place_apart(const el_model *model, el_layer *layer, const el_entry *entry) {
    el_lstm *lstm = el_lstm_in(layer);
    lstm->w = (el_matrix){
        .weights = model->file + entry->recurrent.offset,
        .rows = model->file + entry->row_records.offset,
        .columns = el_round_up(layer->inputs, EL_COLUMN_PAD),
        .used = layer->inputs,
        .groups = lstm->groups * EL_GATES,
        .zero_point = entry->input_zero_point,
    };
    uint64_t size = (uint64_t)lstm->w.groups * EL_BLOCK_ROWS * lstm->w.columns;
    return el_check_sized(model, entry->file_size, entry->recurrent, size);
}

/* 16-bit weights: W is a matrix of its own, and R's is made of the layer's fields. */
static __attribute__((cold)) el_status check_int16(const el_model *model, el_layer *layer,
                                                   const el_entry *entry) {
    el_lstm *lstm = el_lstm_in(layer);
    const uint32_t groups = lstm->groups * EL_GATES;
    el_matrix r;
    if (!el_is_plain(layer))
        return EL_ERROR_FIELD;
    el_status status = el_check_int16(model, entry, entry->weights, entry->row_records, groups,
                                      layer->inputs, &lstm->w);
    if (status == EL_OK)
        status = el_check_int16(model, entry, entry->recurrent, entry->recurrent_rows, groups,
                                layer->channels, &r);
    if (status != EL_OK)
        return status;
    lstm->weights = r.weights;
    lstm->rows = r.rows;
    lstm->columns_w = 0;
    lstm->columns_r = r.columns;
    return EL_OK;
}

__attribute__((cold)) el_status el_check_lstm(el_model *model, el_layer *layer,
                                              const el_entry *entry) {
    bool int8 = el_has_int8(layer);
    uint32_t pad = int8 ? EL_COLUMN_PAD : 1, units = layer->channels;
    el_status status = check_fields(layer, entry);
    if (status == EL_OK)
        status = el_read_recurrence(model, layer, entry, EL_LSTM_LETTERS);
    if (status != EL_OK)
        return status;
    layer->keeps_result =
        layer->recurrence.runs == 1 && !layer->recurrence.anew && !(int8 && el_gives_floats(layer));
    if (int8 && el_gives_floats(layer) && !el_is_scale(layer->scale))
        return EL_ERROR_FIELD;
    if (layer->keeps_result && entry->result != 0)
        return EL_ERROR_FIELD;
    if (layer->inputs > EL_MAX_WIDTH)
        return EL_ERROR_LIMIT;
    el_lstm *lstm = el_lstm_in(layer);
    *lstm = (el_lstm){
        .columns_w = layer->wide ? 0 : el_round_up(layer->inputs, pad),
        .columns_r = el_round_up(units, pad),
        .groups = el_round_up(units, EL_BLOCK_ROWS) / EL_BLOCK_ROWS,
        .half = (units - 1) % EL_BLOCK_ROWS < EL_BLOCK_ROWS / 2,
        .input_zero_point = entry->input_zero_point,
        .output_zero_point = entry->output_zero_point,
        .cell_exponent = entry->own[0],
        .output_multiplier = entry->multiplier,
        .output_shift = entry->shift,
    };
    layer->macs = (uint64_t)units * EL_GATES * (layer->inputs + units) * layer->recurrence.runs;
    if (el_has_int16(layer))
        return check_int16(model, layer, entry);
    uint64_t rows = (uint64_t)lstm->groups * EL_BLOCK_ROWS * EL_GATES;
    uint64_t elements = rows * (lstm->columns_w + lstm->columns_r);
    uint64_t rows_size = rows * (int8 ? sizeof(el_rows) / EL_BLOCK_ROWS : sizeof(float));
    status =
        el_check_sized(model, entry->file_size, entry->weights, el_weights_size(layer, elements));
    if (status == EL_OK)
        status = el_check_sized(model, entry->file_size, entry->row_records, rows_size);
    if (status != EL_OK)
        return status;
    if (layer->wide)
        status = place_apart(model, layer, entry);
    if (status != EL_OK)
        return status;
    lstm->weights = model->file + entry->weights.offset;
    lstm->rows = model->file + entry->row_records.offset;
    if (int8)
        return check_int8(layer);
    status = el_check_weights(layer, lstm->weights, elements);
    return status == EL_OK ? el_check_floats(lstm->rows, rows) : status;
}
