#include "answer.h"

#include "float_math.h"

/* Sums of scores are float64, one row of them for a block of `hop` runs of the last layer, of which
 * there is one every `stride` frames. A mean over a window keeps a ring of window / hop rows: a new
 * block takes the place of the oldest, and nothing is ever subtracted, so no error builds up over
 * an endless stream. A mean over all frames keeps one row. Which row is in use follows from
 * stream->frames.
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
static uint64_t block_runs(const el_model *model) {
    return model->window ? model->hop / model->stride : UINT64_MAX;
}

/* For run `run`, counted from 1. */
static where find(const el_model *model, uint64_t run) {
    if (model->window == 0)
        return (where){0, run, 0};
    uint64_t hop = block_runs(model), block = (run - 1) / hop;
    return (where){block, run - block * hop, (uint32_t)(block % model->sums_blocks)};
}

uint64_t el_answer_is_in(const el_model *model, uint64_t frames) {
    uint32_t hop = model->hop;
    if (hop <= 1) /* most models: no division */
        return hop;
    return hop - frames % hop;
}

uint64_t el_answer_runs_in(const el_model *model, uint64_t frames, uint32_t row) {
    uint64_t runs = runs_of(model, frames);
    if (runs == 0)
        return 0;
    where newest = find(model, runs);
    if (row == newest.row)
        return newest.runs;
    return row < newest.block ? block_runs(model) : 0;
}

static uint64_t rows_above(uint64_t rows) {
    return (rows + FAN - 1) / FAN;
}

uint64_t el_answer_totals(const el_model *model) {
    uint64_t totals = 0;
    for (uint64_t rows = model->sums_blocks; rows > FAN; totals += rows)
        rows = rows_above(rows);
    return totals;
}

/* A level of rows, the sums or totals. */
typedef struct level {
    double *values; /* (rows, outputs) */
    uint64_t rows;
} level;

static level sums_of(const el_stream *stream) {
    const el_model *model = stream->model;
    return (level){el_stream_part(stream, model->sums_offset), model->sums_blocks};
}

static level above(const el_stream *stream, level below) {
    const el_model *model = stream->model;
    double *values = below.rows == model->sums_blocks ? el_stream_part(stream, model->totals_offset)
                                                      : below.values + below.rows * model->outputs;
    return (level){values, rows_above(below.rows)};
}

/* Sum of output `n` over the rows that total `row` stands for, the first of them first. */
static double total(const el_model *model, level below, uint64_t row, uint32_t n) {
    uint64_t rows = below.rows - row * FAN;
    const double *value = below.values + row * FAN * model->outputs + n;
    double sum = *value;
    for (uint64_t left = (rows < FAN ? rows : FAN) - 1; left > 0; left--) {
        value += model->outputs;
        sum += *value;
    }
    return sum;
}

static void renew(const el_model *model, level below, level totals, uint64_t row) {
    for (uint32_t n = 0; n < model->outputs; n++)
        totals.values[row * model->outputs + n] = total(model, below, row, n);
}

void el_answer_add_up(const el_stream *stream) {
    for (level below = sums_of(stream); below.rows > FAN;) {
        level totals = above(stream, below);
        for (uint64_t row = 0; row < totals.rows; row++)
            renew(stream->model, below, totals, row);
        below = totals;
    }
}

/* Renew the totals above row `row` of the sums; the last level. */
static level add_up_above(const el_stream *stream, uint64_t row) {
    level below = sums_of(stream);
    while (below.rows > FAN) {
        level totals = above(stream, below);
        row /= FAN;
        renew(stream->model, below, totals, row);
        below = totals;
    }
    return below;
}

void el_answer_add(el_stream *stream, const float *scores) {
    const el_model *model = stream->model;
    where at = find(model, runs_of(model, stream->frames));
    double *sums = sums_of(stream).values + (size_t)at.row * model->outputs;
    for (uint32_t n = 0; n < model->outputs; n++)
        sums[n] = (at.runs == 1 ? 0.0 : sums[n]) + (double)scores[n];
    if (at.runs == block_runs(model))
        (void)add_up_above(stream, at.row);
}

static void mean_of_scores(const el_stream *stream, float *answer) {
    const el_model *model = stream->model;
    where newest = find(model, runs_of(model, stream->frames));
    uint64_t others = model->sums_blocks - 1u; /* complete */
    if (newest.block < others)
        others = newest.block;
    uint64_t covered = newest.runs + (others ? others * block_runs(model) : 0);
    level top = add_up_above(stream, newest.row);
    for (uint32_t n = 0; n < model->outputs; n++)
        answer[n] = (float)(total(model, top, 0, n) / (double)covered);
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
    if (model->pooling == EL_MEAN)
        mean_of_scores(stream, answer);
    else
        memcpy(answer, scores, model->outputs * sizeof *answer);
    if (model->activation == EL_SOFTMAX)
        softmax(answer, model->outputs);
    else if (model->activation == EL_SIGMOID)
        for (uint32_t n = 0; n < model->outputs; n++)
            answer[n] = el_sigmoid(answer[n]);
}
