/* libFuzzer: any bytes as a snapshot, its checksum, size and identity made right. What restores
 * must stream on without harm, save to the bytes that were restored, and answer with finite numbers
 * where that was announced. The first byte picks the model and the answers that the stream is asked
 * for; no hop is a power of two. */
#include "check.h"
#include "model.h"
#include "tiny_model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MODELS 6u
#define FRAMES 80

static tiny_model models[MODELS];
static _Alignas(EL_ALIGNMENT) unsigned char stream_memory[1 << 14];

/* Parts of every kind, and a stride. */
static const tiny_layer all_kinds[] = {
    {TINY_CONTEXT, 0, 0, {6, 2}}, {TINY_CONV, 5, 1, {3, 1, 2}}, {TINY_LSTM, 9, 0, {0}},
    {TINY_CONTEXT, 0, 0, {3, 3}}, {TINY_GRU, 4, 0, {0}},        {TINY_DENSE, TINY_OUTPUTS, 0, {0}}};

static void make_models(void) {
    for (unsigned n = 0; n < MODELS; n++) {
        el_precision precision = n % 2 ? EL_INT8 : n % 4 ? EL_BF16 : EL_FLOAT32;
        if (n < 4)
            tiny_make(&models[n], precision, n < 2 ? EL_MEAN : EL_LAST, n < 2 ? 21 : 0,
                      n < 2 ? 7 : 50);
        else
            tiny_build(&models[n], precision, (tiny_answer){EL_MEAN, 36, 18}, TINY_FEATURES,
                       all_kinds, sizeof all_kinds / sizeof *all_kinds);
        CHECK_STATUS(tiny_open(&models[n]), EL_OK);
    }
}

/* With room for what was announced and no more: a sanitizer sees what lies behind. */
static void push(el_stream *stream, const float *frames, size_t count, uint32_t hop) {
    uint64_t from = el_stream_frames(stream); /* at most 2^62 when it was restored */
    size_t due = el_stream_answers(stream, count), written, size = due * TINY_OUTPUTS;
    CHECK(due == (from + count) / hop - from / hop);
    float *answers = due ? malloc(size * sizeof *answers) : NULL;
    CHECK(due == 0 || answers != NULL);
    CHECK_STATUS(el_stream_push(stream, frames, count, answers, due, &written), EL_OK);
    CHECK(written == due);
    for (size_t n = 0; n < size; n++)
        CHECK(answers[n] >= 0.0f && answers[n] <= 1.0f); /* softmax: no NaN */
    free(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (models[0].model == NULL)
        make_models();
    if (size < 1)
        return 0;
    static const el_answer options[] = {{EL_MEAN_MAX, 54, 18}, {EL_MEAN, 0, 36}, {EL_LAST, 0, 18}};
    const el_model *model = models[data[0] % MODELS].model;
    const el_answer *asked = data[0] / MODELS % 4 ? &options[data[0] / MODELS % 4 - 1] : NULL;
    data++;
    size--;
    unsigned char *snapshot = malloc(size ? size : 1);
    CHECK(snapshot != NULL);
    if (size)
        memcpy(snapshot, data, size);
    if (size >= 64) {
        uint64_t stated = size;
        memcpy(snapshot + 16, &stated, sizeof stated);
        memcpy(snapshot + 24, model->identity, EL_IDENTITY_SIZE);
        if (asked != NULL && snapshot[48] % 2) { /* else they are hardly ever right */
            uint32_t has_answer = 1;
            memcpy(snapshot + 48, &has_answer, sizeof has_answer);
            memcpy(snapshot + 52, asked, sizeof *asked);
        }
        uint32_t checksum = el_crc32(snapshot + 16, size - 16);
        memcpy(snapshot + 12, &checksum, sizeof checksum);
    }
    el_stream *stream;
    el_info info;
    float frames[FRAMES][TINY_FEATURES], answer[TINY_OUTPUTS];
    CHECK_STATUS(el_model_info(model, &info), EL_OK);
    uint32_t hop = asked ? asked->hop : info.answer.hop;
    CHECK_STATUS(el_stream_init(stream_memory, sizeof stream_memory, model, asked, &stream), EL_OK);
    if (el_stream_restore(stream, snapshot, size) == EL_OK) {
        unsigned char again[4096];
        CHECK_STATUS(el_stream_save(stream, again, sizeof again), EL_OK);
        /* One that has room for samples is saved without it: its head then tells another size. */
        const size_t own = el_stream_save_size(model, asked), least = own < size ? own : size;
        const size_t from = own == size ? 0 : 40;
        CHECK(memcmp(again + from, snapshot + from, least - from) == 0);
        for (unsigned n = 0; n < FRAMES; n++)
            tiny_frame(n, frames[n]);
        for (unsigned n = 0; n < 20; n++)
            push(stream, frames[n], 1, hop);
        push(stream, frames[20], FRAMES - 20, hop);
        CHECK_STATUS(el_stream_answer(stream, answer), EL_OK); /* 20 frames are a stride */
    } else {
        CHECK(el_stream_frames(stream) == 0);
    }
    free(snapshot);
    return 0;
}
