#include "chunk.h"

#include "kernels/kernels.h"
#include "layers/layer.h"
#include "model_open.h"
#include "stream.h"

#include <string.h>

/* A layer with weights takes all frames of a chunk before the next one does. A cut is the place
 * before such a layer, or behind it: there lie rows, one for each frame at which there is a result.
 * A row has a slot for each result that some layer behind the cut reads. Layers between go frame by
 * frame, as in el_stream_push: what they read comes from a row to where they read it, and what they
 * leave for others goes into a row. */

/* Weights of such layers, in bytes, from which on frames go together without being asked to, where
 * there are several layers, and where there is one: smaller ones stay in a near cache as they are,
 * and one layer gains from W·x alone. */
#define LARGE_LAYERS (160u << 10)
#define LARGE_LAYER (1u << 20)

/* The same of a layer that has no product of several frames. */
#define LARGE_WEIGHTS (32u << 10)

/* Sources are counted as in the file: 0 is the input, n + 1 the result of layer n. */

static uint64_t result_size(const el_model *model, uint32_t source) {
    if (source == 0)
        return (uint64_t)model->features * el_input_size(model);
    const el_layer *layer = &model->layers[source - 1];
    return (uint64_t)layer->rows * layer->channels * el_given_size(layer);
}

static uint32_t stride_of(const el_model *model, uint32_t source) {
    return source == 0 ? 1 : model->layers[source - 1].stride;
}

static uint32_t slot_of(const el_model *model, uint32_t source) {
    return source == 0 ? model->input_slot : model->layers[source - 1].slot;
}

static uint32_t read_until(const el_model *model, uint32_t source) {
    return source == 0 ? model->input_read_until : model->layers[source - 1].read_until;
}

static void find_readers(el_model *model) {
    for (uint32_t n = 0; n < model->n_layers; n++) {
        uint32_t read[2] = {model->layers[n].source, 0};
        int count = 1;
        if (model->layers[n].other != 0)
            read[count++] = model->layers[n].other - 1;
        for (int k = 0; k < count; k++)
            if (read[k] == 0)
                model->input_read_until = n + 1;
            else
                model->layers[read[k] - 1].read_until = n + 1;
    }
}

/* Whether the result lives at the cut before layer `cut`. */
static bool crosses(const el_model *model, uint32_t source, uint32_t cut) {
    return source <= cut && read_until(model, source) > cut;
}

/* Whether all that lives there has one stride. */
static bool may_cut(const el_model *model, uint32_t cut, uint32_t stride) {
    for (uint32_t source = 0; source <= cut; source++)
        if (crosses(model, source, cut) && stride_of(model, source) != stride)
            return false;
    return true;
}

static bool is_cut(const el_model *model, uint32_t cut) {
    return (cut < model->head && model->layers[cut].together) ||
           (cut != 0 && model->layers[cut - 1].together);
}

/* The first place of a row that no other result has while this one lives. */
static uint64_t find_slot(const el_model *model, uint32_t source) {
    uint64_t slot = 0, size = result_size(model, source);
    for (uint32_t n = 0; n < source;) {
        uint64_t from = slot_of(model, n), to = from + el_align(result_size(model, n));
        bool meets = read_until(model, n) > source && slot < to && from < slot + size;
        slot = meets ? to : slot;
        n = meets ? 0 : n + 1;
    }
    return slot;
}

/* Returns the size of a row. */
static uint64_t place_slots(el_model *model) {
    uint64_t row = 0;
    for (uint32_t source = 0; source <= model->head; source++) {
        bool is_kept = false;
        for (uint32_t cut = source; cut <= model->head; cut++)
            is_kept = is_kept || (is_cut(model, cut) && crosses(model, source, cut));
        if (!is_kept) { /* takes none, and no place from others */
            if (source == 0)
                model->input_read_until = 0;
            else
                model->layers[source - 1].read_until = 0;
            continue;
        }
        uint64_t slot = find_slot(model, source), end = slot + el_align(result_size(model, source));
        if (end > EL_MAX_STREAM_SIZE)
            return end;
        if (source == 0)
            model->input_slot = (uint32_t)slot;
        else
            model->layers[source - 1].slot = (uint32_t)slot;
        row = end > row ? end : row;
    }
    return row;
}

/* Whether a layer takes the frames of a chunk together. */
static bool goes_together(const el_model *model, uint32_t index, unsigned flags) {
    const el_layer *layer = &model->layers[index];
    bool is_large = layer->weights_size >= LARGE_WEIGHTS || (flags & EL_CHUNKS) != 0;
    bool sums = layer->type->sums_size != NULL && layer->type->sums_size(layer) != 0;
    return (sums || (layer->type->may_be_float && is_large)) &&
           may_cut(model, index, layer->stride) && may_cut(model, index + 1, layer->stride);
}

void el_plan_chunks(el_model *model, unsigned flags) {
    uint64_t sums = 0, weights = 0, codes = 0;
    uint32_t layers = 0;
    find_readers(model);
    for (uint32_t n = 0; n < model->head; n++) {
        el_layer *layer = &model->layers[n];
        layer->together = goes_together(model, n, flags);
        if (!layer->together)
            continue;
        layers++;
        weights += layer->weights_size;
        uint64_t size = layer->type->sums_size == NULL ? 0 : layer->type->sums_size(layer);
        sums = size > sums ? size : sums;
        size = size != 0 && el_rounds(layer) ? (uint64_t)layer->inputs * el_taken_size(layer) : 0;
        codes = size > codes ? size : codes;
    }
    bool gains = weights >= (layers > 1 ? LARGE_LAYERS : LARGE_LAYER);
    bool wanted = (flags & EL_CHUNKS) != 0 || (gains && (flags & EL_NO_CHUNKS) == 0);
    if (layers == 0 || !wanted)
        return;
    uint64_t row = place_slots(model), size = row + el_align(codes) + el_align(sums);
    if (size > EL_MAX_STREAM_SIZE)
        return;
    model->chunk_codes = (uint32_t)row;
    model->chunk_sums = (uint32_t)(row + el_align(codes));
    model->chunk_frame = (uint32_t)size;
    model->chunk_size = EL_MOST_TOGETHER * size;
}

/* Results at a cut: where layers have them, and in rows. */
typedef struct moved {
    uint32_t place, slot, size;
} moved;

typedef struct moves {
    moved of[EL_MAX_LAYERS + 1];
    uint32_t count;
} moves;

typedef struct chunk {
    el_stream *stream;
    const float *frames; /* (count, features) */
    uint32_t count;
    uint64_t before; /* frames that the stream had taken */
    uint32_t stride; /* of rows */
    uint8_t *rows;   /* chunk_frame bytes each */
} chunk;

static uint8_t *row_at(const chunk *of, uint32_t n) {
    return of->rows + (size_t)n * of->stream->model->chunk_frame;
}

static uint32_t rows_of(const chunk *of) {
    return (uint32_t)((of->before + of->count) / of->stride - of->before / of->stride);
}

static void add_move(const el_model *model, uint32_t source, moves *all) {
    all->of[all->count++] = (moved){
        .place = source == 0 ? model->flow_offset : model->layers[source - 1].y_offset,
        .slot = slot_of(model, source),
        .size = (uint32_t)result_size(model, source),
    };
}

/* What layers from `first` up to `last` read of a row, from source `lowest` on. */
static void find_read(const el_model *model, uint32_t lowest, uint32_t first, uint32_t last,
                      moves *read) {
    bool is_read[EL_MAX_LAYERS + 1] = {false};
    for (uint32_t n = first; n < last; n++) {
        const el_layer *layer = &model->layers[n];
        is_read[layer->source] = true;
        if (layer->other != 0)
            is_read[layer->other - 1] = true;
    }
    read->count = 0;
    for (uint32_t source = lowest; source <= first; source++)
        if (is_read[source])
            add_move(model, source, read);
}

/* What they leave for those behind, from source `lowest` on. */
static void find_left(const el_model *model, uint32_t lowest, uint32_t last, moves *left) {
    left->count = 0;
    for (uint32_t source = lowest; source <= last; source++)
        if (crosses(model, source, last))
            add_move(model, source, left);
}

static void enter(const chunk *of, uint32_t n, const moves *read) {
    const uint8_t *row = row_at(of, n);
    for (uint32_t k = 0; k < read->count; k++)
        memcpy(el_stream_part(of->stream, read->of[k].place), row + read->of[k].slot,
               read->of[k].size);
}

static void leave(const chunk *of, uint32_t n, const moves *left) {
    uint8_t *row = row_at(of, n);
    for (uint32_t k = 0; k < left->count; k++)
        memcpy(row + left->of[k].slot, el_stream_part(of->stream, left->of[k].place),
               left->of[k].size);
}

/* The stream comes to the frame of a row, of which there are those of the cut before `first`. */
static void come_to(const chunk *of, uint32_t n, uint32_t first) {
    el_stream *stream = of->stream;
    const el_model *model = stream->model;
    stream->frames = (of->before / of->stride + n + 1) * of->stride;
    if (first == 0)
        el_stream_read(stream, of->frames + (size_t)n * model->features,
                       el_stream_part(stream, model->flow_offset));
}

static void step_layers(const el_stream *stream, uint32_t first, uint32_t last) {
    const el_model *model = stream->model;
    for (uint32_t n = first; n < last; n++)
        if (el_layer_is_due(&model->layers[n], stream->frames))
            el_layer_step(stream, &model->layers[n]);
}

/* All rows through the layers from `first` up to the cut before `last`. There are no more rows at
 * that than there were; with other strides nothing lives at both. */
static void walk_to(chunk *of, uint32_t first, uint32_t last) {
    const el_stream *stream = of->stream;
    const el_model *model = stream->model;
    const uint32_t count = rows_of(of), stride = model->layers[last].period;
    uint32_t made = 0;
    moves read, left;
    const bool begins = first == 0; /* frames come to where the input is */
    if (first == last && !begins)
        return;
    find_read(model, begins ? 1 : 0, first, last, &read);
    find_left(model, begins ? 0 : first + 1, last, &left);
    for (uint32_t n = 0; n < count; n++) {
        come_to(of, n, first);
        enter(of, n, &read);
        step_layers(stream, first, last);
        if (stream->frames % stride == 0)
            leave(of, made++, &left);
    }
    of->stride = stride;
}

/* W·x of the first rows, of so many fours that at most one row of these is none: there the last one
 * serves again. Returns how many it is of. */
static uint32_t multiply(const chunk *of, const el_layer *layer, uint32_t count) {
    const el_stream *stream = of->stream;
    const el_model *model = stream->model;
    const uint32_t slot = slot_of(model, layer->source);
    const void *x[EL_MOST_TOGETHER];
    void *sums[EL_MOST_TOGETHER];
    uint32_t taken = (count + 1) / EL_BATCH * EL_BATCH;
    if (layer->type->sums_size == NULL || layer->type->sums_size(layer) == 0)
        return 0;
    for (uint32_t n = 0; n < taken; n++) {
        uint8_t *row = row_at(of, n < count ? n : count - 1);
        x[n] = row + slot;
        sums[n] = row_at(of, n) + model->chunk_sums;
        if (el_rounds(layer)) {
            el_make_codes(layer, row + slot, row + model->chunk_codes);
            x[n] = row + model->chunk_codes;
        }
    }
    if (taken != 0)
        layer->type->multiply_frames(stream, layer, x, sums, taken);
    return taken;
}

/* The rows through layer `index`. One or two that are left over would cost four. */
static void step_together(chunk *of, uint32_t index) {
    el_stream *stream = of->stream;
    const el_model *model = stream->model;
    const el_layer *layer = &model->layers[index];
    uint32_t count = rows_of(of), multiplied = multiply(of, layer, count);
    moves read, left;
    find_read(model, 0, index, index + 1, &read);
    find_left(model, index + 1, index + 1, &left);
    for (uint32_t n = 0; n < count; n++) {
        if (n < multiplied) {
            layer->type->step_from(stream, layer, row_at(of, n) + model->chunk_sums);
        } else {
            enter(of, n, &read);
            el_layer_step(stream, layer);
        }
        leave(of, n, &left);
    }
}

size_t el_chunk_push(el_stream *stream, const float *frames, uint32_t count, float *answers) {
    const el_model *model = stream->model;
    chunk of = {.stream = stream,
                .frames = frames,
                .count = count,
                .before = stream->frames,
                .stride = 1,
                .rows = el_stream_part(stream, stream->plan.chunk_offset)};
    uint32_t first = 0;
    for (uint32_t n = 0; n < model->head; n++) {
        if (!model->layers[n].together)
            continue;
        walk_to(&of, first, n);
        step_together(&of, n);
        first = n + 1;
    }
    moves read;
    find_read(model, 0, first, model->n_layers, &read);
    size_t written = 0;
    const uint32_t rows = rows_of(&of);
    for (uint32_t n = 0; n < rows; n++) {
        float *answer = answers == NULL ? NULL : answers + written * model->outputs;
        come_to(&of, n, first);
        enter(&of, n, &read);
        step_layers(stream, first, model->head);
        written += el_stream_finish_frame(stream, answer);
    }
    stream->frames = of.before + count;
    return written;
}
