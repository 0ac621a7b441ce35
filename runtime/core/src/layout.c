/* Where the parts of a stream lie in its memory. */
#include "answer.h"
#include "chunk.h"
#include "layers/capture.h"
#include "model_open.h"
#include "parts.h"

/* Take `size` bytes at the next aligned offset; no more is taken once there is too much. */
static uint32_t take(uint64_t *total, uint64_t size) {
    uint64_t offset = *total;
    if (offset <= EL_MAX_STREAM_SIZE)
        *total = el_align(offset + size);
    return (uint32_t)offset;
}

static uint64_t most_work(const el_model *model) {
    uint64_t most = 0;
    for (uint32_t n = 0; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        uint64_t work = layer->type->work(model, layer);
        most = work > most ? work : most;
    }
    return most;
}

static uint64_t most_codes(const el_model *model) {
    uint64_t most = 0;
    for (uint32_t n = 0; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        uint64_t codes = el_rounds(layer) ? (uint64_t)layer->inputs * el_taken_size(layer) : 0;
        most = codes > most ? codes : most;
    }
    return most;
}

/* Where each layer reads and writes. */
static void place_results(el_model *model) {
    model->flow_offset = model->results_offset + model->input_place;
    for (uint32_t n = 0; n < model->n_layers; n++) {
        el_layer *layer = &model->layers[n];
        layer->x_offset =
            layer->source == 0 ? model->flow_offset : model->layers[layer->source - 1].y_offset;
        layer->other_offset =
            layer->other <= 1 ? model->flow_offset : model->layers[layer->other - 2].y_offset;
        layer->from_offset = layer->x_offset;
        if (el_rounds(layer))
            layer->x_offset = model->codes_offset;
        if (layer->gives_scores)
            layer->y_offset = model->work_offset;
        else if (layer->keeps_result)
            layer->y_offset = layer->part_offset[0];
        else
            layer->y_offset += model->results_offset;
    }
}

el_status el_lay_out_stream(el_model *model, unsigned flags) {
    uint64_t total = 0, snapshot = EL_SNAPSHOT_HEADER_SIZE;
    el_walk walk = {0, 0};
    el_place place;
    take(&total, sizeof(el_stream));
    /* No sums are among them as long as none are planned. */
    while (el_next_part(model, &model->own, &walk, &place) && place.layer < model->n_layers) {
        model->layers[place.layer].part_offset[place.which] = take(&total, place.memory);
        snapshot += place.size;
        model->layers_parts++;
    }
    model->results_offset = take(&total, model->results_size);
    model->codes_offset = take(&total, most_codes(model));
    model->work_offset = take(&total, most_work(model));
    model->waiting_offset = take(&total, el_waiting_size(model));
    if (total > EL_MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    model->sums_offset = (uint32_t)total;
    model->layers_size = (uint32_t)snapshot;
    place_results(model);
#ifdef EL_WITHOUT_CHUNKS
    (void)flags;
#else
    el_plan_chunks(model, flags);
    model->is_capture = (flags & EL_NO_CHUNKS) == 0 && el_is_capture(model);
#endif
    el_answer own = model->own.answer;
    return el_answer_plan(model, &own, &model->own);
}
