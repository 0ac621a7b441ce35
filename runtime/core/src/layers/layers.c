/* The kinds of layers. A new one is a file beside this one, a line here and one in layer.h. */
#include "layer.h"

static const el_layer_type *const kinds[] = {
    [1] = &el_layer_lstm, [2] = &el_layer_dense, [3] = &el_layer_context,
    [4] = &el_layer_conv, [5] = &el_layer_gru,
};

const el_layer_type *el_layer_type_of(uint32_t number) {
    return number < sizeof kinds / sizeof *kinds ? kinds[number] : NULL;
}

el_shape el_source_shape(const el_model *model, const el_layer *layer) {
    if (layer->source == 0)
        return (el_shape){1, model->features};
    const el_layer *source = &model->layers[layer->source - 1];
    return (el_shape){source->rows, source->channels};
}
