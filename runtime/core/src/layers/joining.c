#include "joining.h"

el_status el_check_spread(el_model *model, el_layer *layer, const el_entry *entry,
                          int32_t options) {
    el_shape source = el_source_shape(model, layer), other = el_other_shape(model, layer);
    if (!el_gives(layer, source.rows, source.channels) || !el_is_bare(entry) || entry->own[0] < 0 ||
        entry->own[0] >= options || entry->own[1] != 0 || entry->own[2] != 0 ||
        (other.rows != 1 && other.rows != source.rows) || source.channels % other.channels != 0)
        return EL_ERROR_FIELD;
    return EL_OK;
}
