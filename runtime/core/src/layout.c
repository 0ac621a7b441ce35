/* Where the parts of a stream lie in its memory. */
#include "answer.h"
#include "model_open.h"
#include "parts.h"

#define MAX_STREAM_SIZE (UINT32_C(1) << 30)

/* Take `size` bytes at the next aligned offset; no more is taken once there is too much. */
static uint32_t take(uint64_t *total, uint64_t size) {
    uint64_t offset = *total;
    if (offset <= MAX_STREAM_SIZE)
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

/* Where each layer reads and writes. */
static void place_results(el_model *model) {
    model->flow_offset = model->results_offset + model->input_place;
    for (uint32_t n = 0; n < model->n_layers; n++) {
        el_layer *layer = &model->layers[n];
        layer->x_offset =
            layer->source == 0 ? model->flow_offset : model->layers[layer->source - 1].y_offset;
        if (layer->gives_scores)
            layer->y_offset = model->work_offset;
        else if (layer->keeps_result)
            layer->y_offset = layer->part_offset[0];
        else
            layer->y_offset += model->results_offset;
    }
}

el_status el_lay_out_stream(el_model *model) {
    uint64_t total = 0, snapshot = EL_SNAPSHOT_HEADER_SIZE;
    el_walk walk = {0, 0};
    el_place place;
    if (model->pooling == EL_MEAN)
        model->sums_blocks = model->window ? model->window / model->hop : 1u;
    if ((uint64_t)model->sums_blocks * model->outputs * sizeof(double) > MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    take(&total, sizeof(el_stream));
    while (el_next_part(model, &walk, &place)) {
        uint32_t offset = take(&total, place.memory);
        if (place.layer < model->n_layers)
            model->layers[place.layer].part_offset[place.which] = offset;
        else
            model->sums_offset = offset;
        snapshot += place.size;
        model->n_parts++;
    }
    model->totals_offset = take(&total, el_answer_totals(model) * model->outputs * sizeof(double));
    model->results_offset = take(&total, model->results_size);
    model->work_offset = take(&total, most_work(model));
    if (total > MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    model->stream_size = (uint32_t)total;
    model->snapshot_size = (uint32_t)snapshot;
    place_results(model);
    return EL_OK;
}
