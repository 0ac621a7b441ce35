/* The kinds of layers by their numbers in files. A new one is a file beside this one and a line
 * here. */
#include "layer.h"

#define EL_KINDS(KIND)                                                                             \
    KIND(1, lstm)                                                                                  \
    KIND(2, dense)                                                                                 \
    KIND(3, context)                                                                               \
    KIND(4, conv)                                                                                  \
    KIND(5, gru)

/* That are floats alone. */
#ifdef EL_NO_FLOAT32
#define EL_FLOAT_KINDS(KIND)
#else
#define EL_FLOAT_KINDS(KIND)                                                                       \
    KIND(6, activation)                                                                            \
    KIND(7, affine)                                                                                \
    KIND(8, layer_norm)                                                                            \
    KIND(9, l2)                                                                                    \
    KIND(10, mean)                                                                                 \
    KIND(11, last)                                                                                 \
    KIND(12, add)                                                                                  \
    KIND(13, multiply)                                                                             \
    KIND(14, concat)                                                                               \
    KIND(15, spectrum)                                                                             \
    KIND(16, inverse_spectrum)                                                                     \
    KIND(17, magnitude)                                                                            \
    KIND(18, log)                                                                                  \
    KIND(19, overlap_add)
#endif

/* Beside layers in integers, too. */
#ifdef EL_HAS_FLOATS
#define EL_MIXED_KINDS(KIND) KIND(20, logmel)
#else
#define EL_MIXED_KINDS(KIND)
#endif

#define EL_DECLARED(number, name) extern const el_layer_type el_layer_##name;
EL_KINDS(EL_DECLARED)
EL_FLOAT_KINDS(EL_DECLARED)
EL_MIXED_KINDS(EL_DECLARED)

#define EL_LISTED(number, name) [number] = &el_layer_##name,
static const el_layer_type *const kinds[] = {EL_KINDS(EL_LISTED) EL_FLOAT_KINDS(EL_LISTED)
                                                 EL_MIXED_KINDS(EL_LISTED)};

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
