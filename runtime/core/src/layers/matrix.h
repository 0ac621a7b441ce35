/* Matrices of layers: their tensors checked, and their products finished. */
#ifndef EL_MATRIX_H
#define EL_MATRIX_H

#include "layer.h"

EL_RECORD(el_matrix)

/* float32 results are held to this: the next layer adds at most 2^14 of them times 1e6, the
 * largest weight that a file may hold, and its sums stay finite. */
#define EL_MAX_HIDDEN 1e27f

/* The kernels of a model's layers of floats: the same bits from every set in int8 files. */
const el_kernels *el_float_kernels(const el_model *model);

/* A tensor of exactly `wanted` bytes at an aligned offset behind the tables. */
el_status el_check_tensor(const el_model *model, size_t file_size, uint32_t offset,
                          uint64_t wanted);

/* The same for a tensor of the layer table. */
el_status el_check_sized(const el_model *model, size_t file_size, el_tensor tensor,
                         uint64_t wanted);

/* All of `count` float32 values are weights. */
el_status el_check_floats(const float *values, uint64_t count);

/* The same of what the blocks of a layer of floats hold. */
el_status el_check_weights(const el_layer *layer, const void *weights, uint64_t count);

/* The sums of each of the 16 rows of an int8 block of `columns`, of which `used` are no padding.
 * Returns whether all weights are in [-127, 127] and those of padding 0: columns of padding may
 * meet anything. */
bool el_sum_rows(const int8_t *block, uint32_t used, uint32_t columns, int32_t sums[EL_BLOCK_ROWS]);

/* The same of a layer of integers, whose weights may be packed. */
bool el_sum_block(const el_layer *layer, const void *block, uint32_t used, uint32_t columns,
                  int32_t sums[EL_BLOCK_ROWS]);

/* Check and fill a matrix of a layer, of `groups` groups of rows whose first `used` columns are no
 * padding. `gives_reals`: the row records of integers hold scales from sums to float32. */
el_status el_check_matrix(const el_model *model, const el_layer *layer, const el_entry *entry,
                          el_tensor weights, el_tensor rows, uint32_t groups, uint32_t used,
                          bool gives_reals, el_matrix *matrix);

/* Whether a layer's results come straight from int32 sums as float32: scores, or others. */
static inline bool el_gives_reals(const el_layer *layer) {
    return layer->gives_scores || el_gives_floats(layer);
}

/* Whether 16-bit values may meet an int8 matrix that is checked: its zero point is 0, and no sum of
 * a row with `inputs` of them leaves int32. */
el_status el_check_wide(const el_matrix *matrix, uint32_t inputs);

/* Bytes of work of el_wide_product. */
uint64_t el_wide_work(const el_matrix *matrix);

/* The int32 sums of an int8 matrix with 16-bit x, biases included, as a kernel's dense_int8 gives
 * those with int8 x. */
void el_wide_product(const el_model *model, const el_matrix *matrix, const int16_t *x,
                     uint32_t inputs, int32_t *sums, void *work);

/* `groups` groups of a layer's matrix from `first` on, as a matrix of its own. */
el_matrix el_matrix_slice(const el_layer *layer, const el_matrix *matrix, uint32_t first,
                          uint32_t groups);

/* The sums of an int8 or float32 matrix, biases included, with `frames` inputs, a multiple of
 * EL_BATCH: `block` as for the kernels. */
void el_multiply_frames(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                        size_t block, const void *const *x, void *const *sums, uint32_t frames);

/* The sums of a matrix of the layer with one x, biases included: int32 of int8 weights, packed or
 * not, float of others. Not for weights of 16 bits. */
void el_multiply(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                 const void *x, void *sums);

/* Bytes that the sums of a matrix take, and codes made of them. */
uint64_t el_matrix_work(const el_matrix *matrix);

/* y (layer->channels,) = activation(matrix·x + bias) as the layer's results are: codes, floats or
 * scores. Not for layers with 16-bit weights. `work` is el_matrix_work, and el_wide_work behind it
 * where the layer is wide; it may be y where the results are scores. */
void el_matrix_run(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                   const void *x, void *work, void *y);

/* The last step of that in floats: the product's results as the layer's, held to what these may be.
 */
void el_finish_floats(const el_layer *layer, const float *values, float *y);

#endif
