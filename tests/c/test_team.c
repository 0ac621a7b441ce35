/* Steps that are shared in parts, whoever does them and in whatever order: every bit is that of the
 * stream alone, with any kernel set, before and behind a saved state. */
#include "check.h"
#include "tiny_model.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define FRAMES 21
#define MOST_ANSWERS (FRAMES * TINY_OUTPUTS)

static tiny_model tiny;

/* What takes a part in each of these orders is one thread: parts read nothing that others write. */
typedef struct order {
    el_team team;
    bool backwards, odd_first;
    unsigned steps; /* that were shared */
} order;

static void run(void *context, const el_step *step) {
    order *of = context;
    const uint32_t parts = of->team.parts;
    of->steps++;
    for (uint32_t n = 0; n < parts; n++) {
        uint32_t part = of->backwards ? parts - 1 - n : n;
        if (of->odd_first) /* 1, 3, … 0, 2, … */
            part = n < parts / 2 ? 2 * n + 1 : 2 * (n - parts / 2);
        el_step_part(step, part);
    }
}

static el_stream *new_stream(const el_team *team) {
    el_stream *stream;
    size_t size = el_stream_size(tiny.model, NULL);
    void *memory = aligned_alloc(EL_ALIGNMENT, size);
    CHECK(memory != NULL);
    CHECK_STATUS(el_stream_init(memory, size, tiny.model, NULL, &stream), EL_OK);
    CHECK_STATUS(el_stream_set_team(stream, team), EL_OK);
    return stream;
}

/* In pushes of 1, 2, 4, … frames, which go one by one and together, over a saved state. */
static void push_all(const el_team *team, float *answers, unsigned char *saved, size_t size) {
    el_stream *stream = new_stream(team), *other = new_stream(team);
    float frames[FRAMES][TINY_FEATURES];
    size_t n_answers = 0;
    for (unsigned n = 0; n < FRAMES; n++)
        tiny_frame(n, frames[n]);
    for (unsigned n = 0, many = 1; n < FRAMES; n += many, many *= 2) {
        size_t written = 0;
        many = many < FRAMES - n ? many : FRAMES - n;
        CHECK_STATUS(el_stream_push(stream, frames[n], many, answers + n_answers * TINY_OUTPUTS,
                                    FRAMES - n_answers, &written),
                     EL_OK);
        n_answers += written;
        CHECK_STATUS(el_stream_save(stream, saved, size), EL_OK);
        CHECK_STATUS(el_stream_restore(other, saved, size), EL_OK);
        el_stream *behind = stream;
        stream = other;
        other = behind;
    }
    CHECK_STATUS(el_stream_answer(stream, answers + n_answers * TINY_OUTPUTS), EL_OK);
    free(stream);
    free(other);
}

static void check_orders(unsigned flags) {
    static unsigned char wanted_state[1 << 14], state[1 << 14];
    float wanted[MOST_ANSWERS + TINY_OUTPUTS], answers[MOST_ANSWERS + TINY_OUTPUTS];
    CHECK_STATUS(tiny_open_with(&tiny, flags), EL_OK);
    size_t size = el_stream_save_size(tiny.model, NULL);
    CHECK(size <= sizeof state);
    memset(wanted, 0, sizeof wanted);
    push_all(NULL, wanted, wanted_state, size);
    CHECK(isfinite(wanted[0]) && wanted[0] != wanted[TINY_OUTPUTS]);
    for (uint32_t parts = 1; parts <= 5; parts += 2)
        for (int way = 0; way < 3; way++) {
            order of = {.backwards = way == 1, .odd_first = way == 2};
            of.team = (el_team){.run = run, .context = &of, .parts = parts};
            memset(answers, 0, sizeof answers);
            push_all(&of.team, answers, state, size);
            CHECK(of.steps > 0);
            CHECK(memcmp(answers, wanted, sizeof wanted) == 0);
            CHECK(memcmp(state, wanted_state, size) == 0);
        }
}

static void check_arguments(void) {
    el_stream *stream = new_stream(NULL);
    el_team team = {.run = run, .parts = 0};
    CHECK_STATUS(el_stream_set_team(NULL, NULL), EL_ERROR_ARGUMENT);
    CHECK_STATUS(el_stream_set_team(stream, &team), EL_ERROR_ARGUMENT);
    team.parts = EL_MAX_TEAM + 1;
    CHECK_STATUS(el_stream_set_team(stream, &team), EL_ERROR_ARGUMENT);
    team = (el_team){.parts = 2};
    CHECK_STATUS(el_stream_set_team(stream, &team), EL_ERROR_ARGUMENT);
    free(stream);
}

/* Rows that come in no whole fours of groups, of each kind that has products. */
int main(void) {
    static const char *const sets[] = {"scalar",     "avx2", "avxvnni",
                                       "avx512vnni", "neon", "dotprod"};
    static const tiny_layer lists[][4] = {
        {{.kind = TINY_LSTM, .width = 150},
         {.kind = TINY_LSTM, .width = 81},
         {.kind = TINY_DENSE, .width = 2}},
        {{.kind = TINY_GRU, .width = 150},
         {.kind = TINY_GRU, .width = 70, .own = {1}},
         {.kind = TINY_DENSE, .width = 2}},
        {{.kind = TINY_LSTM, .width = 130},
         {.kind = TINY_DENSE, .width = 260, .relu = 1},
         {.kind = TINY_DENSE, .width = 2}},
    };
    static const el_precision precisions[] = {EL_FLOAT32, EL_INT8, EL_BF16};
    int ran = 0;
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        CHECK(setenv("EDGELSTM_KERNEL", sets[set], 1) == 0);
        if (strcmp(el_kernel_name(), "none") == 0)
            continue;
        for (size_t list = 0; list < sizeof lists / sizeof *lists; list++)
            for (size_t n = 0; n < sizeof precisions / sizeof *precisions; n++) {
                tiny_build(&tiny, precisions[n], (tiny_answer){EL_LAST, 0, 2}, TINY_FEATURES,
                           lists[list], 3);
                check_orders(n == 0 ? EL_NO_CHUNKS : EL_CHUNKS);
            }
        tiny_build_wide(&tiny, (tiny_answer){EL_LAST, 0, 2}, TINY_FEATURES, lists[0], 3);
        check_orders(0);
        ran++;
    }
    CHECK(ran > 0);
    check_arguments();
    return 0;
}
