/* What the files of LSTM layers share. */
#ifndef EL_LSTM_H
#define EL_LSTM_H

#include "layer.h"

#define EL_LSTM_LETTERS 2 /* h, c */

EL_RECORD(el_lstm)

/* el_layer_type.check */
el_status el_check_lstm(el_model *model, el_layer *layer, const el_entry *entry);

/* Floats of work that a layer needs that is not plain: the next h; the sums of gates, a register
 * further; x and h side by side; states that begin anew. */
uint64_t el_lstm_floats_work(const el_layer *layer);

/* A step of such a layer: row after row, from the state or anew. */
void el_lstm_step_floats(const el_stream *stream, const el_layer *layer);

#endif
