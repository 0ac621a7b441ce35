#include "answer.h"

#include "float_math.h"
#include "model_open.h"
#include "parts.h"

/* Sums of scores are float64, one row of them for a block of `hop` runs of the last layer, of which
 * there is one every `stride` frames. A mean over a window keeps a ring of window / hop rows: a new
 * block takes the place of the oldest, and nothing is ever subtracted, so no error builds up over
 * an endless stream. A mean over all frames keeps one row. Which row is in use follows from
 * stream->frames.
 *
 * With EL_MEAN_MAX the largest score of each output in the block stands behind the sums of its row,
 * exactly, and goes the same way: a maximum where they are added. Rows that no block has come to
 * hold zeros and are not looked at.
 *
 * Above the rows stand totals: a row for every FAN rows below, until at most FAN are left, which an
 * answer adds up. A block that is complete renews the totals above it alone, so a frame costs
 * FAN · log(rows) / log(FAN) additions at most. Totals follow from the sums, always added in the
 * same order, and are no part of the state. */
#define FAN 16u

/* Where the scores of a run belong. */
typedef struct where {
    uint64_t block; /* counted from 0 since the initial state */
    uint64_t runs;  /* that the block has, with this one */
    uint32_t row;
} where;

static uint64_t runs_of(const el_model *model, uint64_t frames) {
    return model->stride == 1 ? frames : frames / model->stride;
}

/* Runs of a block; without a window the only one is never complete. */
static uint64_t block_runs(const el_stream *stream) {
    const el_answer *answer = &stream->plan.answer;
    return answer->window ? answer->hop / stream->model->stride : UINT64_MAX;
}

/* For run `run`, counted from 1. */
static where find(const el_stream *stream, uint64_t run) {
    if (stream->plan.answer.window == 0)
        return (where){0, run, 0};
    uint64_t hop = block_runs(stream), block = (run - 1) / hop;
    return (where){block, run - block * hop, (uint32_t)(block % stream->plan.sums_blocks)};
}

/* Where the scores of the newest run belong. */
static where find_newest(const el_stream *stream) {
    return find(stream, runs_of(stream->model, stream->frames));
}

uint64_t el_answer_is_in(uint32_t hop, uint64_t frames) {
    if (hop <= 1) /* most models: no division */
        return hop;
    return hop - frames % hop;
}

uint64_t el_answer_runs_in(const el_stream *stream, uint64_t frames, uint32_t row) {
    uint64_t runs = runs_of(stream->model, frames);
    if (runs == 0)
        return 0;
    where newest = find(stream, runs);
    if (row == newest.row)
        return newest.runs;
    return row < newest.block ? block_runs(stream) : 0;
}

static uint64_t rows_above(uint64_t rows) {
    return (rows + FAN - 1) / FAN;
}

/* Rows of totals that stand above `rows` of sums. */
static uint64_t totals_above(uint64_t rows) {
    uint64_t totals = 0;
    for (; rows > FAN; totals += rows)
        rows = rows_above(rows);
    return totals;
}

static el_status check_answer(const el_model *model, const el_answer *answer) {
    if (answer->pooling > EL_MEAN_MAX)
        return EL_ERROR_FIELD;
    if (answer->window > EL_MAX_STRIDE || answer->hop > EL_MAX_STRIDE)
        return EL_ERROR_LIMIT;
    if (answer->window != 0 &&
        (answer->pooling == EL_LAST || answer->hop == 0 || answer->window % answer->hop != 0))
        return EL_ERROR_FIELD;
    return answer->hop % model->stride == 0 ? EL_OK : EL_ERROR_FIELD;
}

el_status el_answer_plan(const el_model *model, const el_answer *asked, el_plan *plan) {
    el_status status = check_answer(model, asked);
    if (status != EL_OK)
        return status;
    uint32_t rows = asked->window ? asked->window / asked->hop : 1u;
    rows = asked->pooling == EL_LAST ? 0 : rows;
    uint32_t values = model->outputs * (asked->pooling == EL_MEAN_MAX ? 2u : 1u);
    uint64_t row_size = (uint64_t)values * sizeof(double);
    uint64_t totals = el_align(model->sums_offset + rows * row_size);
    uint64_t size = el_align(totals + totals_above(rows) * row_size);
    if (size > EL_MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    uint64_t whole = el_align(size + model->chunk_size);
    bool chunks = model->chunk_size != 0 && whole <= EL_MAX_STREAM_SIZE;
    *plan = (el_plan){.answer = *asked,
                      .sums_blocks = rows,
                      .sums_values = values,
                      .totals_offset = (uint32_t)totals,
                      .chunk_offset = chunks ? (uint32_t)size : 0,
                      .stream_size = (uint32_t)(chunks ? whole : size),
                      .snapshot_size =
                          model->layers_size + rows * (uint32_t)row_size + el_waiting_size(model)};
    return EL_OK;
}

el_status el_answer_choose(const el_model *model, const el_answer *asked, el_plan *plan) {
    if (asked == NULL) {
        *plan = model->own;
        return EL_OK;
    }
    return el_answer_plan(model, asked, plan) == EL_OK ? EL_OK : EL_ERROR_ANSWER;
}

/* A level of rows, the sums or totals. */
typedef struct level {
    double *values; /* (rows, plan.sums_values) */
    uint64_t rows;
    uint64_t used; /* the first of them, that blocks have come to */
} level;

static level sums_of(const el_stream *stream) {
    const el_plan *plan = &stream->plan;
    uint64_t runs = runs_of(stream->model, stream->frames);
    uint64_t blocks = runs == 0 ? 0 : find(stream, runs).block + 1;
    return (level){.values = el_stream_part(stream, stream->model->sums_offset),
                   .rows = plan->sums_blocks,
                   .used = blocks < plan->sums_blocks ? blocks : plan->sums_blocks};
}

static level above(const el_stream *stream, level below) {
    const el_plan *plan = &stream->plan;
    double *values = below.rows == plan->sums_blocks
                         ? el_stream_part(stream, plan->totals_offset)
                         : below.values + below.rows * plan->sums_values;
    return (level){values, rows_above(below.rows), rows_above(below.used)};
}

/* Sum of value `n` over the rows that total `row` stands for, the first of them first; of a maximum
 * the largest. One of them at least is used. */
static double total(const el_stream *stream, level below, uint64_t row, uint32_t n) {
    const uint32_t values = stream->plan.sums_values;
    const bool adds = n < stream->model->outputs;
    uint64_t rows = below.used - row * FAN;
    const double *value = below.values + row * FAN * values + n;
    double found = *value;
    for (uint64_t left = (rows < FAN ? rows : FAN) - 1; left > 0; left--) {
        value += values;
        if (adds)
            found += *value;
        else
            found = *value > found ? *value : found;
    }
    return found;
}

static void renew(const el_stream *stream, level below, level totals, uint64_t row) {
    const uint32_t values = stream->plan.sums_values;
    for (uint32_t n = 0; n < values; n++)
        totals.values[row * values + n] = total(stream, below, row, n);
}

void el_answer_add_up(const el_stream *stream) {
    const el_plan *plan = &stream->plan;
    memset(el_stream_part(stream, plan->totals_offset), 0, plan->stream_size - plan->totals_offset);
    for (level below = sums_of(stream); below.rows > FAN;) {
        level totals = above(stream, below);
        for (uint64_t row = 0; row < totals.used; row++)
            renew(stream, below, totals, row);
        below = totals;
    }
}

/* Renew the totals above row `row` of the sums; the last level. */
static level add_up_above(const el_stream *stream, uint64_t row) {
    level below = sums_of(stream);
    while (below.rows > FAN) {
        level totals = above(stream, below);
        row /= FAN;
        renew(stream, below, totals, row);
        below = totals;
    }
    return below;
}

void el_answer_add(el_stream *stream, const float *scores) {
    const uint32_t outputs = stream->model->outputs;
    where at = find_newest(stream);
    const bool begins = at.runs == 1;
    double *sums = el_stream_part(stream, stream->model->sums_offset);
    sums += (size_t)at.row * stream->plan.sums_values;
    for (uint32_t n = 0; n < outputs; n++)
        sums[n] = (begins ? 0.0 : sums[n]) + (double)scores[n];
    double *most = sums + outputs;
    for (uint32_t n = 0; n < stream->plan.sums_values - outputs; n++) {
        double score = 0.0 + (double)scores[n]; /* one zero, not two: which is larger? */
        most[n] = begins || score > most[n] ? score : most[n];
    }
    if (at.runs == block_runs(stream))
        (void)add_up_above(stream, at.row);
}

static void pooled_scores(const el_stream *stream, float *answer) {
    const uint32_t outputs = stream->model->outputs;
    where newest = find_newest(stream);
    uint64_t others = stream->plan.sums_blocks - 1u; /* complete */
    if (newest.block < others)
        others = newest.block;
    uint64_t covered = newest.runs + (others ? others * block_runs(stream) : 0);
    level top = add_up_above(stream, newest.row);
    for (uint32_t n = 0; n < outputs; n++) {
        double pooled = total(stream, top, 0, n) / (double)covered;
        if (stream->plan.answer.pooling == EL_MEAN_MAX)
            pooled = (pooled + total(stream, top, 0, outputs + n)) * 0.5;
        answer[n] = (float)pooled;
    }
}

static void softmax(float *values, uint32_t count) {
    float largest = values[0], sum = 0.0f;
    for (uint32_t n = 1; n < count; n++)
        largest = values[n] > largest ? values[n] : largest;
    for (uint32_t n = 0; n < count; n++) {
        values[n] = el_exp(values[n] - largest);
        sum += values[n];
    }
    for (uint32_t n = 0; n < count; n++)
        values[n] /= sum;
}

void el_answer_read(const el_stream *stream, const float *scores, float *answer) {
    const el_model *model = stream->model;
    if (stream->plan.answer.pooling == EL_LAST)
        memcpy(answer, scores, model->outputs * sizeof *answer);
    else
        pooled_scores(stream, answer);
    if (model->activation == EL_SOFTMAX)
        softmax(answer, model->outputs);
    else if (model->activation == EL_SIGMOID)
        for (uint32_t n = 0; n < model->outputs; n++)
            answer[n] = el_sigmoid(answer[n]);
}
