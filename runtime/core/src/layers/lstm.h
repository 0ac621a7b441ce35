/* What the files of LSTM layers share. */
#ifndef EL_LSTM_H
#define EL_LSTM_H

#include "layer.h"

#define EL_LSTM_LETTERS 2 /* h, c */

/* el_layer_type.check */
el_status el_check_lstm(el_model *model, el_layer *layer, const el_entry *entry);

#endif
