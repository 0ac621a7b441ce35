/* Between layers of integers and those of float32, in mixed int8 files. */
#include "float_math.h"
#include "layer.h"

#ifdef EL_HAS_FLOATS
static void round_to_8(const el_layer *layer, const float *restrict x, int8_t *restrict codes) {
    const float inverse = layer->inverse, zero = (float)layer->input_zero_point;
    for (uint32_t n = 0; n < layer->inputs; n++)
        codes[n] = (int8_t)el_round(el_clamp(x[n] * inverse + zero, -128.0f, 127.0f));
}

static void round_to_16(const el_layer *layer, const float *restrict x, int16_t *restrict codes) {
    const float inverse = layer->inverse;
    for (uint32_t n = 0; n < layer->inputs; n++)
        codes[n] = (int16_t)el_round(el_clamp(x[n] * inverse, -32768.0f, 32767.0f));
}

void el_make_codes(const el_layer *layer, const void *x, void *codes) {
    if (layer->wide)
        round_to_16(layer, x, codes);
    else
        round_to_8(layer, x, codes);
}
#endif

void el_codes_to_floats(const el_layer *layer, const int8_t *codes, uint32_t count, float *values) {
    for (uint32_t n = 0; n < count; n++)
        values[n] = (float)(codes[n] - layer->zero_point) * layer->scale;
}

void el_layer_step(const el_stream *stream, const el_layer *layer) {
    if (el_rounds(layer))
        el_make_codes(layer, el_stream_part(stream, layer->from_offset),
                      el_stream_part(stream, layer->x_offset));
    layer->type->step(stream, layer);
}
