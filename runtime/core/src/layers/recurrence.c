#include "recurrence.h"

#include "fields.h"
#include "floats.h"
#include "functions.h"

static el_status read_first_floats(const el_model *model, el_layer *layer, const el_entry *entry,
                                   uint32_t letters) {
    const float *first;
    el_status status =
        el_check_values(model, entry, entry->further, (uint64_t)letters * layer->channels, &first);
    if (status != EL_OK)
        return status;
    for (uint32_t n = 0; n < letters * layer->channels; n++)
        if (!el_is_finite_up_to(first[n], EL_MAX_STATE))
            return EL_ERROR_WEIGHTS;
    layer->recurrence.first_h = first;
    layer->recurrence.first_c = letters > 1 ? first + layer->channels : NULL;
    return EL_OK;
}

/* int8: h of an LSTM in 8 bits, then c in 16; h of a GRU in 16. Any codes are a state. */
static el_status read_first_codes(const el_model *model, el_layer *layer, const el_entry *entry,
                                  uint32_t letters) {
    uint64_t of_h = (uint64_t)layer->channels * (letters > 1 ? 1u : sizeof(int16_t));
    uint64_t of_c = letters > 1 ? (uint64_t)layer->channels * sizeof(int16_t) : 0;
    el_status status = el_check_sized(model, entry->file_size, entry->further, of_h + of_c);
    if (status != EL_OK)
        return status;
    const uint8_t *first = model->file + entry->further.offset;
    layer->recurrence.first_h = first;
    layer->recurrence.first_c = letters > 1 ? first + of_h : NULL;
    return EL_OK;
}

__attribute__((cold)) el_status el_read_recurrence(const el_model *model, el_layer *layer,
                                                   const el_entry *entry, uint32_t letters) {
    el_recurrence *recurrence = &layer->recurrence;
    el_shape source = el_source_shape(model, layer);
    uint32_t flags = (uint32_t)entry->own[2];
    if (entry->own[1] < 0 || entry->own[1] > 1 || flags >= 2 * EL_ANEW_BIT ||
        (el_has_int8(layer) && (entry->own[1] != 0 || flags != 0)))
        return EL_ERROR_FIELD;
    *recurrence = (el_recurrence){
        .runs = entry->own[1] == 1 ? source.rows : 1,
        .gate = (uint8_t)(flags & EL_GATE_BITS),
        .candidate = (uint8_t)(flags >> EL_CANDIDATE_SHIFT & EL_GATE_BITS),
        .anew = (flags & EL_ANEW_BIT) != 0,
    };
    if (recurrence->gate == 0) /* a sigmoid, and tanh: as files of before have it */
        recurrence->gate = EL_F_SIGMOID;
    if (recurrence->candidate == 0)
        recurrence->candidate = EL_F_TANH;
    else if (recurrence->candidate == EL_GATE_BITS)
        recurrence->candidate = EL_F_LINEAR;
    if (recurrence->gate >= EL_FUNCTIONS || recurrence->candidate >= EL_FUNCTIONS ||
        layer->rows != recurrence->runs)
        return EL_ERROR_FIELD;
    recurrence->plain = recurrence->runs == 1 && recurrence->gate == EL_F_SIGMOID &&
                        recurrence->candidate == EL_F_TANH && !recurrence->anew;
    if (recurrence->runs > 1)
        layer->inputs = source.channels;
    if (entry->further.size == 0)
        return EL_OK;
    return el_has_int8(layer) ? read_first_codes(model, layer, entry, letters)
                              : read_first_floats(model, layer, entry, letters);
}

uint64_t el_anew_work(const el_layer *layer, uint32_t letters, uint32_t padded) {
    return layer->recurrence.anew ? (uint64_t)letters * padded : 0;
}

void el_begin_anew(const el_layer *layer, uint32_t letters, uint32_t padded, float *states) {
    const void *first[] = {layer->recurrence.first_h, layer->recurrence.first_c};
    memset(states, 0, (size_t)letters * padded * sizeof *states);
    for (uint32_t n = 0; n < letters; n++)
        if (first[n] != NULL)
            memcpy(states + (size_t)n * padded, first[n], layer->channels * sizeof *states);
}

float el_held_state(float value) {
    return el_state(el_clamp(value, -EL_MAX_STATE, EL_MAX_STATE));
}
