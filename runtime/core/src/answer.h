/* How scores become answers: pooling over frames, then the output activation. */
#ifndef EL_ANSWER_H
#define EL_ANSWER_H

#include "model.h"

/* Add the newest frame's `scores` (outputs,) to the sums of a stream whose pooling is `mean`. */
void el_answer_add(el_stream *stream, const float *scores);

/* Answer as of the newest run: the mean of the sums, or `scores` when pooling is `last`. There was
 * a run. */
void el_answer_read(const el_stream *stream, const float *scores, float *answer);

#endif
