/* What the library says of layers and parts of the state, against what the model was made of. */
#include "check.h"
#include "tiny_model.h"

#include <string.h>

static tiny_model tiny;
static el_info info;

static const tiny_layer layers[] = {
    {TINY_CONTEXT, 0, 0, {6, 2}},      {TINY_CONV, 5, 1, {3, 1, 2}}, {TINY_LSTM, 9, 0, {0}},
    {TINY_CONTEXT, 0, 0, {3, 3}},      {TINY_GRU, 4, 0, {1}},        {TINY_DENSE, 7, 1, {0}},
    {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};
#define LAYERS (sizeof layers / sizeof *layers)

/* rows × channels, frames between results, multiply-accumulates */
static const struct {
    const char *kind;
    uint32_t inputs, rows, channels, stride;
    uint64_t macs;
} wanted[] = {
    {"context", 3, 6, 3, 2, 0},           {"conv", 18, 2, 5, 2, 2 * 5 * 3 * 3},
    {"lstm", 10, 1, 9, 2, 4 * 9 * 19},    {"context", 9, 3, 9, 6, 0},
    {"gru", 27, 1, 4, 6, 3 * 4 * 31},     {"dense", 4, 1, 7, 6, 28},
    {"dense", 7, 1, TINY_OUTPUTS, 6, 14},
};

static void check_layers(void) {
    el_layer_info layer;
    CHECK(info.layers == LAYERS && info.stride == 6);
    for (size_t n = 0; n < LAYERS; n++) {
        CHECK_STATUS(el_model_layer(tiny.model, n, &layer), EL_OK);
        CHECK(strcmp(layer.kind, wanted[n].kind) == 0);
        CHECK(layer.source == n && layer.inputs == wanted[n].inputs);
        CHECK(layer.rows == wanted[n].rows && layer.channels == wanted[n].channels);
        CHECK(layer.stride == wanted[n].stride && layer.macs == wanted[n].macs);
        CHECK(layer.activation == (uint32_t)layers[n].relu);
    }
    CHECK_STATUS(el_model_layer(tiny.model, LAYERS, &layer), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_model_layer(NULL, 0, &layer), EL_ERROR_ARGUMENT);
    /* 90/2 + 684/2 + 372/6 + 28/6 + 14/6 = 456 */
    CHECK(info.frame_macs == 456);
}

typedef struct part {
    const char *name;
    int32_t layer;
    uint32_t number, dtype, rows, channels;
} part;

static void check_parts(const part *parts, size_t count) {
    static const uint64_t sizes[] = {4, 1, 2, 8};
    el_part_info got;
    uint64_t at = 64;
    CHECK(info.parts == count);
    for (size_t n = 0; n < count; n++) {
        CHECK_STATUS(el_model_part(tiny.model, n, &got), EL_OK);
        CHECK(strcmp(got.name, parts[n].name) == 0);
        CHECK(got.layer == parts[n].layer && got.number == parts[n].number);
        CHECK(got.dtype == parts[n].dtype);
        CHECK(got.rows == parts[n].rows && got.channels == parts[n].channels);
        CHECK(got.offset == at);
        CHECK(got.size == (uint64_t)parts[n].rows * parts[n].channels * sizes[parts[n].dtype]);
        at += got.size;
    }
    CHECK(at == info.snapshot_size);
    CHECK_STATUS(el_model_part(tiny.model, count, &got), EL_ERROR_ARGUMENT);
}

static void open_with(el_precision precision, tiny_answer answer) {
    tiny_build(&tiny, precision, answer, TINY_FEATURES, layers, LAYERS);
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
}

int main(void) {
    static const part int8[] = {
        {"past", 0, 0, EL_DTYPE_INT8, 6, 3}, {"pending", 0, 0, EL_DTYPE_INT8, 1, 3},
        {"h", 2, 0, EL_DTYPE_INT8, 1, 9},    {"c", 2, 0, EL_DTYPE_INT16, 1, 9},
        {"past", 3, 1, EL_DTYPE_INT8, 3, 9}, {"pending", 3, 1, EL_DTYPE_INT8, 2, 9},
        {"h", 4, 1, EL_DTYPE_INT16, 1, 4},   {"sums", -1, 0, EL_DTYPE_FLOAT64, 3, TINY_OUTPUTS},
    };
    open_with(EL_INT8, (tiny_answer){EL_MEAN, 36, 12});
    check_layers();
    check_parts(int8, sizeof int8 / sizeof *int8);
    part float32[7];
    memcpy(float32, int8, sizeof float32);
    for (size_t n = 0; n < 7; n++)
        float32[n].dtype = EL_DTYPE_FLOAT32;
    open_with(EL_FLOAT32, (tiny_answer){EL_LAST, 0, 6});
    check_layers();
    check_parts(float32, 7);
    return 0;
}
