/* The loss of a sequence's scores and its gradient by them; the same as
 * edgelstm/training/losses.py. */
#ifndef EL_OBJECTIVE_H
#define EL_OBJECTIVE_H

#include "training.h"

#include <math.h>
#include <string.h>

/* Rows of scores of one sequence, and of the gradient by them, `row` floats from one to the next.
 */
struct judged {
    size_t outputs, row;
    const float *scores;
    float *dscores;  /* zeros at first */
    float *work;     /* judging_size(outputs) floats */
    size_t sequence; /* in the batch */
    size_t all;      /* sequences there */
};

/* What the rows are pooled to, and the gradient by it. */
static inline size_t judging_size(size_t outputs) {
    return 2 * outputs;
}

/* Softmax and cross-entropy. Where a target is not known, nothing of the row counts. */
static float judge_classes(const struct el_objective *objective, size_t outputs,
                           const float *scores, const float *target, ptrdiff_t step,
                           float *gradient) {
    float most = scores[0], total = 0, told = 0, weight = 0;
    int known = 1;
    for (size_t v = 1; v < outputs; v++)
        most = scores[v] > most ? scores[v] : most;
    for (size_t v = 0; v < outputs; v++)
        total += gradient[v] = expf(scores[v] - most);
    for (size_t v = 0; v < outputs; v++) {
        float aim = target[(ptrdiff_t)v * step];
        if (!isfinite(aim))
            aim = 0, known = 0;
        told += (scores[v] - most) * aim;
        weight += objective->weights ? objective->weights[v] * aim : 0;
        gradient[v] = gradient[v] / total - aim;
    }
    const float share = !known ? 0 : objective->weights ? weight : 1;
    for (size_t v = 0; v < outputs; v++)
        gradient[v] *= share;
    return (logf(total) - told) * share;
}

/* One output by itself. */
static inline float judge_value(const struct el_objective *objective, size_t v, float score,
                                float aim, float *slope) {
    const float error = score - aim;
    switch (objective->criterion) {
    case EL_BINARY:
        *slope = tanhf(score / 2) / 2 + 0.5f - aim;
        return (score > 0 ? score : 0) - score * aim + log1pf(expf(-fabsf(score)));
    case EL_HUBER: {
        const float near = error < -1 ? -1 : error > 1 ? 1 : error;
        *slope = 2 * near;
        return near * (2 * error - near);
    }
    case EL_QUANTILE: {
        const float level = objective->levels[v];
        *slope = error < 0 ? -level : 1 - level;
        return error * *slope;
    }
    default:
        *slope = 2 * error;
        return error * error;
    }
}

static float judge_values(const struct el_objective *objective, size_t outputs, const float *scores,
                          const float *target, ptrdiff_t step, float *gradient) {
    float loss = 0;
    for (size_t v = 0; v < outputs; v++) {
        const float aim = target[(ptrdiff_t)v * step];
        const int known = isfinite(aim);
        float slope, each = judge_value(objective, v, scores[v], known ? aim : 0, &slope);
        float factor = objective->weights && known ? 1 + (objective->weights[v] - 1) * aim : 1;
        factor = known ? factor : 0;
        gradient[v] = slope * factor;
        loss += each * factor;
    }
    return loss;
}

static float judge_row(const struct el_objective *objective, size_t outputs, const float *scores,
                       const float *target, float *gradient) {
    const ptrdiff_t step = objective->target.value;
    return (objective->criterion == EL_CROSS_ENTROPY ? judge_classes : judge_values)(
        objective, outputs, scores, target, step, gradient);
}

static double judge_rows(const struct el_objective *objective, const struct judged *at,
                         const float *target, size_t first, size_t end, float share) {
    double loss = 0;
    for (size_t t = first; t < end; t++) {
        float *gradient = at->dscores + t * at->row;
        loss += (double)judge_row(objective, at->outputs, at->scores + t * at->row,
                                  target + (ptrdiff_t)t * objective->target.frame, gradient) *
                share;
        for (size_t v = 0; v < at->outputs; v++)
            gradient[v] *= share;
    }
    return loss;
}

/* The largest score of an output over rows, in the first that has it. */
static size_t largest_row(const struct judged *at, size_t v, size_t first, size_t end) {
    size_t found = first;
    for (size_t t = first + 1; t < end; t++)
        found = at->scores[t * at->row + v] > at->scores[found * at->row + v] ? t : found;
    return found;
}

static double judge_pooled(const struct el_objective *objective, const struct judged *at,
                           const float *target, size_t first, size_t end, float share) {
    const float all = (float)at->all;
    const int largest = objective->over == EL_OVER_MEAN_AND_MAX;
    const size_t from = first < end ? first : 0, to = first < end ? end : 1;
    float *pooled = at->work, *gradient = pooled + at->outputs;
    memset(pooled, 0, at->outputs * sizeof *pooled);
    for (size_t t = first; t < end; t++)
        for (size_t v = 0; v < at->outputs; v++)
            pooled[v] += at->scores[t * at->row + v] * (share * all);
    if (largest)
        for (size_t v = 0; v < at->outputs; v++)
            pooled[v] = (pooled[v] + at->scores[largest_row(at, v, from, to) * at->row + v]) / 2;
    const float loss = judge_row(objective, at->outputs, pooled, target, gradient);
    for (size_t v = 0; largest && v < at->outputs; v++)
        gradient[v] /= 2;
    for (size_t t = first; t < end; t++)
        for (size_t v = 0; v < at->outputs; v++)
            at->dscores[t * at->row + v] = gradient[v] * share;
    for (size_t v = 0; largest && v < at->outputs; v++)
        at->dscores[largest_row(at, v, from, to) * at->row + v] += gradient[v] / all;
    return (double)loss / all;
}

/* A sequence's part of the loss; `dscores` is written in the rows that count. */
static double judge(const struct el_objective *objective, const struct judged *at) {
    const size_t s = at->sequence;
    const float *target = objective->target.data + (ptrdiff_t)s * objective->target.sequence;
    const size_t first = (size_t)objective->first[s], end = (size_t)objective->end[s];
    return (objective->over == EL_OVER_ROWS ? judge_rows : judge_pooled)(
        objective, at, target, first, end, objective->share[s]);
}

#endif
