#include "parts.h"

#include <float.h>

static uint32_t size_of(el_dtype dtype) {
    switch (dtype) {
    case EL_DTYPE_INT8:
        return 1;
    case EL_DTYPE_INT16:
        return 2;
    case EL_DTYPE_FLOAT64:
        return 8;
    default:
        return 4;
    }
}

static bool find_sums(const el_model *model, const el_plan *plan, el_place *place) {
    if (plan->sums_blocks == 0)
        return false;
    place->part = (el_part){.name = "sums",
                            .dtype = EL_DTYPE_FLOAT64,
                            .rows = plan->sums_blocks,
                            .channels = plan->sums_values,
                            .padded = plan->sums_blocks * plan->sums_values};
    place->offset = model->sums_offset;
    return true;
}

/* Raw, so that they may be as large as any float. */
static bool find_waiting(const el_model *model, el_place *place) {
    if (!el_keeps_samples(model))
        return false;
    place->part = (el_part){.name = "waiting",
                            .dtype = EL_DTYPE_FLOAT32,
                            .rows = 1,
                            .channels = model->features,
                            .padded = model->features,
                            .limit = FLT_MAX};
    place->offset = model->waiting_offset;
    return true;
}

static bool find_part(const el_model *model, const el_plan *plan, el_walk *walk, el_place *place) {
    for (; walk->layer < model->n_layers; walk->layer++, walk->which = 0) {
        const el_layer *layer = &model->layers[walk->layer];
        el_part parts[EL_MAX_PARTS];
        if (layer->type->parts != NULL && walk->which < layer->type->parts(model, layer, parts)) {
            place->part = parts[walk->which];
            place->offset = layer->part_offset[walk->which];
            return true;
        }
    }
    if (walk->which == 0 && find_sums(model, plan, place))
        return true;
    walk->which += walk->which == 0; /* there are none */
    return walk->which == 1 && find_waiting(model, place);
}

bool el_next_part(const el_model *model, const el_plan *plan, el_walk *walk, el_place *place) {
    if (!find_part(model, plan, walk, place))
        return false;
    uint32_t value = size_of(place->part.dtype);
    place->layer = walk->layer;
    place->which = walk->which++;
    place->size = place->part.rows * place->part.channels * value;
    place->memory = place->part.padded * value;
    return true;
}
