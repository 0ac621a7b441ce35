/* How scores become answers: pooling over frames, then the output activation. */
#ifndef EL_ANSWER_H
#define EL_ANSWER_H

#include "model.h"

/* What a stream of `model` needs to give answers as `asked` says: fills `plan`. The layers are laid
 * out. EL_ERROR_FIELD for answers that this model cannot give, EL_ERROR_LIMIT for a window, a hop
 * or a stream that is too large; `plan` then holds nothing of use. */
el_status el_answer_plan(const el_model *model, const el_answer *asked, el_plan *plan);

/* The plan for a caller's `asked`, null for the model's own answers. EL_ERROR_ANSWER, whatever is
 * wrong with them. */
el_status el_answer_choose(const el_model *model, const el_answer *asked, el_plan *plan);

/* Frames until the next answer is due, for a stream that has taken `frames`; 0 = never. The one
 * place that says when: what is announced and what is written both follow from it. */
uint64_t el_answer_is_in(uint32_t hop, uint64_t frames);

/* Runs of the last layer whose scores lie in row `row` of the sums, for `stream` once it has taken
 * `frames`. */
uint64_t el_answer_runs_in(const el_stream *stream, uint64_t frames, uint32_t row);

/* Make the totals anew from the sums and the count of frames. Time linear in their number. */
void el_answer_add_up(const el_stream *stream);

/* Add the newest frame's `scores` (outputs,) to the sums of a stream that has some. */
void el_answer_add(el_stream *stream, const float *scores);

/* Answer as of the newest run: what the sums come to, or `scores` when pooling is `last`. There was
 * a run. */
void el_answer_read(const el_stream *stream, const float *scores, float *answer);

#endif
