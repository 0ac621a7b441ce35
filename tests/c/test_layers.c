/* The laws over random lists of layers of every kind, strides 1 to 12: N steps = one push = any
 * split = save, restore, go on = a row of a pool; frames of a push go together wherever they may;
 * int8 integers are the scalar set's. Streams that are asked for other answers than the model's own
 * are those of a model whose own these are. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include "check.h"
#include "counts.h"
#include "kernel_sets.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#define FRAMES 61
#define MAX_FEATURES 20
#define MAX_OUTPUTS 18
#define MAX_STATE (1 << 16)
#define STREAMS 6

static tiny_model tiny;
static el_info info; /* what depends on answers is that of streams that are asked for `asked` */
static const el_answer *asked;
static float frames[FRAMES][MAX_FEATURES];
static float once[FRAMES][MAX_OUTPUTS], again[FRAMES][MAX_OUTPUTS], answer[MAX_OUTPUTS];
static unsigned char saved[MAX_STATE], whole_saved[MAX_STATE], other_saved[MAX_STATE];

/* A list of layers, and the stride it comes to. */
typedef struct list {
    tiny_layer layers[10];
    uint32_t count, features, stride, rows, channels;
    int remembers;
} list;

static void add(list *to, tiny_layer layer, uint32_t rows, uint32_t channels) {
    to->layers[to->count++] = layer;
    to->rows = rows;
    to->channels = channels;
}

static void add_context(list *to) {
    uint32_t rows = (uint32_t)between(1, 9), hop = (uint32_t)between(1, (int32_t)rows);
    if (to->rows * to->channels > 100)
        return;
    if (hop * to->stride > 12)
        hop = 1;
    to->stride *= hop;
    to->remembers = 1;
    add(to, (tiny_layer){TINY_CONTEXT, 0, 0, {rows, hop}}, rows, to->rows * to->channels);
}

static void add_conv(list *to) {
    uint32_t taps = (uint32_t)between(1, (int32_t)to->rows), width = (uint32_t)between(1, 20);
    uint32_t most = taps > 1 ? (to->rows - 1) / (taps - 1) : to->rows;
    uint32_t dilation = (uint32_t)between(1, most > 3 ? 3 : (int32_t)most);
    uint32_t stride = (uint32_t)between(1, to->rows > 3 ? 3 : (int32_t)to->rows);
    uint32_t rows = (to->rows - (taps - 1) * dilation - 1) / stride + 1;
    add(to, (tiny_layer){TINY_CONV, width, between(0, 1), {taps, stride, dilation}}, rows, width);
}

static void add_any(list *to) {
    uint32_t width = (uint32_t)between(1, 40);
    switch (between(0, 4)) {
    case 0:
        add_context(to);
        break;
    case 1:
        add_conv(to);
        break;
    case 2:
        add(to, (tiny_layer){TINY_DENSE, width, between(0, 1), {0}}, 1, width);
        break;
    case 3:
        add(to, (tiny_layer){TINY_LSTM, width, 0, {0}}, 1, width);
        to->remembers = 1;
        break;
    default:
        add(to, (tiny_layer){TINY_GRU, width, 0, {(uint32_t)between(0, 1)}}, 1, width);
        to->remembers = 1;
    }
}

static list random_list(void) {
    list made = {.features = (uint32_t)between(1, MAX_FEATURES), .stride = 1, .rows = 1};
    made.channels = made.features;
    int32_t wanted = between(1, 6);
    while ((int32_t)made.count < wanted)
        add_any(&made);
    if (!made.remembers)
        add(&made, (tiny_layer){TINY_GRU, 17, 0, {0}}, 1, 17);
    uint32_t outputs = (uint32_t)between(1, MAX_OUTPUTS);
    add(&made, (tiny_layer){TINY_DENSE, outputs, 0, {0}}, 1, outputs);
    return made;
}

static el_stream *new_stream(void) {
    el_stream *stream;
    void *memory = aligned_alloc(EL_ALIGNMENT, info.stream_size);
    CHECK(memory != NULL);
    memset(memory, 0xA5, info.stream_size);
    CHECK_STATUS(el_stream_init(memory, info.stream_size, tiny.model, asked, &stream), EL_OK);
    return stream;
}

static float *frame_at(size_t n) {
    return &frames[0][0] + n * info.features;
}

/* `once`, the state and the answer after all frames. */
static size_t push_whole(void) {
    size_t n_answers;
    el_stream *whole = new_stream();
    memset(once, 0, sizeof once);
    CHECK_STATUS(el_stream_push(whole, frame_at(0), FRAMES, once[0], FRAMES, &n_answers), EL_OK);
    CHECK(n_answers == (info.answer.hop ? FRAMES / info.answer.hop : 0));
    CHECK_STATUS(el_stream_save(whole, whole_saved, sizeof whole_saved), EL_OK);
    CHECK_STATUS(el_stream_answer(whole, answer), EL_OK);
    CHECK_STATUS(el_stream_save(whole, saved, sizeof saved), EL_OK);
    CHECK(memcmp(saved, whole_saved, info.snapshot_size) == 0);
    free(whole);
    return n_answers;
}

/* Frame by frame, over a snapshot in another stream at `split`, with a question after each. */
static void check_split(size_t split, size_t n_once) {
    el_stream *stream = new_stream();
    float asked[MAX_OUTPUTS];
    size_t n_again = 0, n;
    for (size_t k = 0; k < FRAMES; k++) {
        if (k == split) {
            el_stream *second = new_stream();
            CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
            CHECK_STATUS(el_stream_restore(second, saved, info.snapshot_size), EL_OK);
            CHECK_STATUS(el_stream_save(second, other_saved, sizeof other_saved), EL_OK);
            CHECK(memcmp(saved, other_saved, info.snapshot_size) == 0);
            free(stream);
            stream = second;
        }
        CHECK(el_stream_answers(stream, 1) <= 1);
        float *at = &again[0][0] + n_again * info.outputs;
        CHECK_STATUS(el_stream_push(stream, frame_at(k), 1, at, FRAMES - n_again, &n), EL_OK);
        CHECK_STATUS(el_stream_answer(stream, asked),
                     k + 1 < info.stride ? EL_ERROR_NO_FRAMES : EL_OK);
        if (n)
            CHECK(memcmp(at, asked, info.outputs * sizeof *asked) == 0);
        n_again += n;
    }
    CHECK(n_again == n_once);
    CHECK(memcmp(once, again, n_once * info.outputs * sizeof(float)) == 0);
    CHECK(memcmp(asked, answer, info.outputs * sizeof *asked) == 0);
    CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
    CHECK(memcmp(saved, whole_saved, info.snapshot_size) == 0);
    free(stream);
}

/* In pushes of any sizes. */
static void check_pushes(size_t n_once) {
    el_stream *stream = new_stream();
    size_t n_again = 0, n;
    for (size_t k = 0, count; k < FRAMES; k += count, n_again += n) {
        count = (size_t)between(0, 20);
        count = count < FRAMES - k ? count : FRAMES - k;
        float *at = n_again == n_once ? NULL : &again[0][0] + n_again * info.outputs;
        CHECK_STATUS(el_stream_push(stream, frame_at(k), count, at, n_once - n_again, &n), EL_OK);
    }
    CHECK(n_again == n_once);
    CHECK(memcmp(once, again, n_once * info.outputs * sizeof(float)) == 0);
    CHECK_STATUS(el_stream_save(stream, saved, sizeof saved), EL_OK);
    CHECK(memcmp(saved, whole_saved, info.snapshot_size) == 0);
    free(stream);
}

/* Rows of a pool, each with a phase of its own. */
static void check_pool(void) {
    size_t size = el_pool_size(tiny.model, asked, STREAMS);
    void *memory = aligned_alloc(EL_ALIGNMENT, size);
    float rows[STREAMS * MAX_FEATURES], answers[STREAMS * MAX_OUTPUTS], alone_answer[MAX_OUTPUTS];
    uint8_t mask[STREAMS], answered[STREAMS];
    el_pool *pool;
    el_stream *alone[STREAMS];
    CHECK(memory != NULL);
    CHECK_STATUS(el_pool_init(memory, size, tiny.model, asked, STREAMS, &pool), EL_OK);
    for (size_t n = 0; n < STREAMS; n++)
        alone[n] = new_stream();
    for (size_t step = 0; step < FRAMES; step++) {
        for (size_t n = 0; n < STREAMS; n++) {
            mask[n] = between(0, 3) != 0;
            memcpy(rows + n * info.features, frame_at((step * 7 + n * 5) % FRAMES),
                   info.features * sizeof *rows);
        }
        CHECK_STATUS(el_pool_push(pool, rows, mask, answers, answered), EL_OK);
        for (size_t n = 0; n < STREAMS; n++) {
            size_t emitted = 0;
            if (mask[n])
                CHECK_STATUS(el_stream_push(alone[n], rows + n * info.features, 1, alone_answer, 1,
                                            &emitted),
                             EL_OK);
            CHECK(answered[n] == emitted);
            if (emitted)
                CHECK(memcmp(alone_answer, answers + n * info.outputs,
                             info.outputs * sizeof *answers) == 0);
        }
    }
    for (size_t n = 0; n < STREAMS; n++) {
        CHECK_STATUS(el_stream_save(alone[n], saved, sizeof saved), EL_OK);
        CHECK_STATUS(el_stream_save(el_pool_stream(pool, n), other_saved, sizeof other_saved),
                     EL_OK);
        CHECK(memcmp(saved, other_saved, info.snapshot_size) == 0);
        free(alone[n]);
    }
    free(memory);
}

static void open_with(const char *set) {
    CHECK(setenv("EDGELSTM_KERNEL", set, 1) == 0);
    CHECK_STATUS(tiny_open_with(&tiny, EL_CHUNKS), EL_OK);
    CHECK_STATUS(el_model_info(tiny.model, &info), EL_OK);
    CHECK(el_stream_size(tiny.model, NULL) == info.stream_size);
    CHECK(el_stream_save_size(tiny.model, NULL) == info.snapshot_size);
    if (asked != NULL)
        info.answer = *asked;
    info.stream_size = el_stream_size(tiny.model, asked);
    info.snapshot_size = el_stream_save_size(tiny.model, asked);
    CHECK(info.stream_size != 0 && info.snapshot_size <= MAX_STATE);
}

static void check_laws(void) {
    size_t n_once = push_whole();
    for (int trial = 0; trial < 4; trial++)
        check_split((size_t)between(0, FRAMES - 1), n_once);
    for (int trial = 0; trial < 3; trial++)
        check_pushes(n_once);
    check_pool();
}

static tiny_answer random_answer(const list *of) {
    uint32_t hops = (uint32_t)between(0, 3) * of->stride;
    uint32_t blocks = hops ? (uint32_t)between(0, 3) : 0;
    tiny_answer made = {(el_pooling)between(EL_LAST, EL_MEAN_MAX), 0, hops};
    if (made.pooling != EL_LAST)
        made.window = blocks * hops;
    return made;
}

/* From now on, with answers of any kind as the model's own, streams that are asked for the ones
 * that were its own. */
static void ask_for(const el_answer *option, const list *of, el_precision precision) {
    static unsigned char own_state[MAX_STATE];
    static float own_answers[FRAMES][MAX_OUTPUTS];
    uint64_t stream_size = info.stream_size, snapshot_size = info.snapshot_size;
    size_t n_own = push_whole();
    memcpy(own_state, whole_saved, snapshot_size);
    memcpy(own_answers, once, sizeof once);
    tiny_build(&tiny, precision, random_answer(of), of->features, of->layers, of->count);
    asked = option;
    open_with("scalar");
    CHECK(info.stream_size == stream_size && info.snapshot_size == snapshot_size);
    CHECK(push_whole() == n_own && memcmp(once, own_answers, sizeof once) == 0);
    CHECK(memcmp(whole_saved + 64, own_state + 64, snapshot_size - 64) == 0);
}

static void check_list(const list *of, el_precision precision) {
    static unsigned char scalar_state[MAX_STATE];
    static float scalar_answers[FRAMES][MAX_OUTPUTS];
    tiny_answer wanted = random_answer(of);
    const el_answer option = {wanted.pooling, wanted.window, wanted.hop};
    asked = NULL;
    tiny_build(&tiny, precision, wanted, of->features, of->layers, of->count);
    open_with("scalar");
    if (between(0, 1))
        ask_for(&option, of, precision);
    CHECK(info.stride == of->stride);
    check_laws();
    memcpy(scalar_state, whole_saved, info.snapshot_size);
    memcpy(scalar_answers, once, sizeof once);
    for (size_t n = 0; n < n_sets; n++) {
        open_with(sets[n]->name);
        check_laws();
        if (precision == EL_INT8) {
            CHECK(memcmp(scalar_state, whole_saved, info.snapshot_size) == 0);
            CHECK(memcmp(scalar_answers, once, sizeof once) == 0);
        }
    }
}

/* Layers whose weights are more than one slice of a chunk, and no whole number of them. */
static list wide_list(void) {
    list made = {.features = MAX_FEATURES, .stride = 1, .rows = 1, .channels = MAX_FEATURES};
    add(&made, (tiny_layer){TINY_LSTM, 100, 0, {0}}, 1, 100);
    add(&made, (tiny_layer){TINY_GRU, 100, 0, {0}}, 1, 100);
    add(&made, (tiny_layer){TINY_DENSE, 2, 0, {0}}, 1, 2);
    return made;
}

int main(int argc, char **argv) {
    int trials = argc > 1 ? atoi(argv[1]) : (int)counted(6, 25, 60);
    find_sets();
    for (size_t n = 0; n < FRAMES * MAX_FEATURES; n++)
        (&frames[0][0])[n] = random_float(2.0f);
    for (int trial = 0; trial < trials; trial++) {
        list of = random_list();
        check_list(&of, EL_INT8);
        check_list(&of, EL_FLOAT32);
    }
    list wide = wide_list();
    check_list(&wide, EL_INT8);
    check_list(&wide, EL_FLOAT32);
    return 0;
}
