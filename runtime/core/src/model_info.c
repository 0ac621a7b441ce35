/* What callers may ask about a model. */
#include "parts.h"

#include <string.h>

/* Of a stream that gives the model's own answers. */
static uint32_t parts_of(const el_model *model) {
    return model->layers_parts + (model->own.sums_blocks != 0) + el_keeps_samples(model);
}

el_status el_model_info(const el_model *model, el_info *info) {
    if (model == NULL || info == NULL)
        return EL_ERROR_ARGUMENT;
    memset(info, 0, sizeof *info);
    info->precision = model->precision;
    info->features = model->features;
    info->outputs = model->outputs;
    info->layers = model->n_layers;
    info->activation = model->activation;
    info->answer = model->own.answer;
    info->sample_rate = model->sample_rate;
    info->stride = model->stride;
    info->stream_size = model->own.stream_size;
    info->snapshot_size = model->own.snapshot_size;
    info->frame_macs = model->frame_macs;
    if (model->metadata_size != 0)
        info->metadata = (const char *)(model->file + model->metadata_offset);
    info->metadata_size = model->metadata_size;
    memcpy(info->identity, model->identity, EL_IDENTITY_SIZE);
    info->parts = parts_of(model);
    info->anew = model->anew;
    return EL_OK;
}

static uint64_t state_size(const el_model *model, uint32_t index) {
    el_walk walk = {0, 0};
    el_place place;
    uint64_t size = 0;
    while (el_next_part(model, &model->own, &walk, &place))
        if (place.layer == index)
            size += place.size;
    return size;
}

el_status el_model_layer(const el_model *model, size_t index, el_layer_info *info) {
    if (model == NULL || info == NULL || index >= model->n_layers)
        return EL_ERROR_ARGUMENT;
    const el_layer *layer = &model->layers[index];
    *info = (el_layer_info){
        .kind = layer->type->name,
        .source = layer->source,
        .activation = layer->relu,
        .inputs = layer->inputs,
        .rows = layer->rows,
        .channels = layer->channels,
        .stride = layer->stride,
        .weights_size = layer->weights_size,
        .macs = layer->macs,
        .state_size = state_size(model, (uint32_t)index),
    };
    if (!layer->keeps_result && !layer->gives_scores)
        info->scratch_size =
            el_align((uint64_t)layer->rows * layer->channels * el_given_size(layer));
    return EL_OK;
}

/* Layers before layer `index` whose first part has the same name as its own. */
static uint32_t number_of(const el_model *model, uint32_t index) {
    el_part own[EL_MAX_PARTS], other[EL_MAX_PARTS];
    const el_layer *layers = model->layers;
    uint32_t number = 0;
    if (index >= model->n_layers)
        return 0;
    (void)layers[index].type->parts(model, &layers[index], own);
    for (uint32_t n = 0; n < index; n++)
        if (layers[n].type->parts != NULL && layers[n].type->parts(model, &layers[n], other) != 0 &&
            strcmp(own[0].name, other[0].name) == 0)
            number++;
    return number;
}

el_status el_model_part(const el_model *model, size_t index, el_part_info *info) {
    if (model == NULL || info == NULL || index >= parts_of(model))
        return EL_ERROR_ARGUMENT;
    el_walk walk = {0, 0};
    el_place place;
    uint64_t offset = EL_SNAPSHOT_HEADER_SIZE;
    for (size_t n = 0; el_next_part(model, &model->own, &walk, &place) && n < index; n++)
        offset += place.size;
    bool is_of_layer = place.layer < model->n_layers;
    *info = (el_part_info){
        .name = place.part.name,
        .layer = is_of_layer ? (int32_t)place.layer : -1,
        .number = number_of(model, place.layer),
        .dtype = place.part.dtype,
        .rows = place.part.rows,
        .channels = place.part.channels,
        .offset = offset,
        .size = place.size,
    };
    return EL_OK;
}
