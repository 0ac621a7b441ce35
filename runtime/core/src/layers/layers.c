/* The kinds of layers. A new one is a file beside this one, a line here and one in layer.h. */
#include "layer.h"

static const el_layer_type *const kinds[] = {
    [1] = &el_layer_lstm,
    [2] = &el_layer_dense,
    [3] = &el_layer_context,
    [4] = &el_layer_conv,
    [5] = &el_layer_gru,
#ifndef EL_NO_FLOAT32
    [6] = &el_layer_activation,
    [7] = &el_layer_affine,
    [8] = &el_layer_layer_norm,
    [9] = &el_layer_l2,
    [10] = &el_layer_mean,
    [11] = &el_layer_last,
    [12] = &el_layer_add,
    [13] = &el_layer_multiply,
    [14] = &el_layer_concat,
    [15] = &el_layer_spectrum,
    [16] = &el_layer_inverse_spectrum,
    [17] = &el_layer_magnitude,
    [18] = &el_layer_log,
    [19] = &el_layer_overlap_add,
#endif
#ifdef EL_HAS_FLOATS
    [20] = &el_layer_logmel,
#endif
};

const el_layer_type *el_layer_type_of(uint32_t number) {
    return number < sizeof kinds / sizeof *kinds ? kinds[number] : NULL;
}

static el_shape shape_of(const el_model *model, uint32_t source) {
    if (source == 0)
        return (el_shape){1, model->features};
    const el_layer *layer = &model->layers[source - 1];
    return (el_shape){layer->rows, layer->channels};
}

el_shape el_source_shape(const el_model *model, const el_layer *layer) {
    return shape_of(model, layer->source);
}

el_shape el_other_shape(const el_model *model, const el_layer *layer) {
    return layer->other == 0 ? (el_shape){0, 0} : shape_of(model, layer->other - 1);
}
