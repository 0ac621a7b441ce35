/* Products of matrices by tiles that stay in registers. */
#ifndef EL_PRODUCT_H
#define EL_PRODUCT_H

#include "vec.h"

#include <stdbool.h>
#include <string.h>

enum {
    PANEL = 4 * LANES,    /* columns of a panel of packed weights */
    DEPTH = NEAR / PANEL, /* places of a panel at a time */
    MOST_ROWS = 6,        /* of a tile */
};

/* to (rows, columns) = start + a · p, where a[r·a_row + k·a_place] and `depth` places k. Columns
 * are a multiple of LANES. p is row-major with p_place floats from one place to the next, or with
 * p_place = 0 in panels. The start is what `to` holds where `adds`, else `bias` (columns,), else
 * zeros. */
struct product {
    size_t rows, columns, depth;
    const float *a;
    size_t a_row, a_place;
    const float *p;
    size_t p_place;
    float *to;
    size_t to_row;
    const float *bias;
    bool adds;
};

INLINE void tile(const int rows, const int vecs, const struct product *m, size_t row, size_t column,
                 size_t place, size_t depth, const float *p, size_t p_place) {
    const size_t a_row = m->a_row, a_place = m->a_place, to_row = m->to_row;
    const float *a = m->a + row * a_row + place * a_place;
    float *to = m->to + row * to_row + column;
    vec sums[MOST_ROWS][4];
    const bool adds = m->adds || place;
    if (adds)
        for (size_t r = 0; r < (size_t)rows; r++)
            for (size_t n = 0; n < (size_t)vecs * LANES; n += 16)
                fetch(to + ((size_t)rows + r) * to_row + n);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++)
            sums[r][n] = adds      ? load(to + (size_t)r * to_row + n * LANES)
                         : m->bias ? load(m->bias + column + n * LANES)
                                   : (vec){0};
    for (size_t k = 0; k < depth; k++, a += a_place, p += p_place) {
        vec factors[MOST_ROWS];
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++)
            factors[r] = splat(a[(size_t)r * a_row]);
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++) {
            vec weights = load(p + n * LANES);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++)
                sums[r][n] += factors[r] * weights;
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int n = 0; n < vecs; n++)
            store(to + (size_t)r * to_row + n * LANES, sums[r][n]);
}

/* Floats from one row of values to the next: rows whole multiples of 256 bytes apart would all want
 * the same few lines of the first-level cache. */
static inline size_t row_size(size_t values) {
    size_t size = padded(values);
    return size % 64 ? size : size + LANES;
}

/* How many rows the next tile takes, such that the last are not few. */
INLINE size_t next_rows(size_t left, size_t most) {
    size_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

INLINE void tiles(const int vecs, const struct product *m, size_t column, size_t place,
                  size_t depth, const float *p, size_t p_place) {
    const size_t fits = (size_t)(TILE / vecs), most = fits < MOST_ROWS ? fits : MOST_ROWS;
    for (size_t row = 0, rows; row < m->rows; row += rows) {
        rows = next_rows(m->rows - row, most);
        if (rows > most)
            __builtin_unreachable();
        switch (rows) {
        case 1:
            tile(1, vecs, m, row, column, place, depth, p, p_place);
            break;
        case 2:
            tile(2, vecs, m, row, column, place, depth, p, p_place);
            break;
        case 3:
            tile(3, vecs, m, row, column, place, depth, p, p_place);
            break;
        case 4:
            tile(4, vecs, m, row, column, place, depth, p, p_place);
            break;
        case 5:
            tile(5, vecs, m, row, column, place, depth, p, p_place);
            break;
        default:
            tile(6, vecs, m, row, column, place, depth, p, p_place);
        }
    }
}

static void multiply(const struct product *m) {
    for (size_t column = 0; column < m->columns; column += PANEL) {
        const size_t width = m->columns - column < PANEL ? m->columns - column : PANEL;
        const size_t p_place = m->p_place ? m->p_place : width;
        const float *panel = m->p_place ? m->p + column : m->p + column * m->depth;
        size_t place = 0;
        do { /* once for depth 0, whose result is the start */
            const size_t depth = m->depth - place < DEPTH ? m->depth - place : DEPTH;
            const float *p = panel + place * p_place;
            switch (width / LANES) {
            case 1:
                tiles(1, m, column, place, depth, p, p_place);
                break;
            case 2:
                tiles(2, m, column, place, depth, p, p_place);
                break;
            case 3:
                tiles(3, m, column, place, depth, p, p_place);
                break;
            default:
                tiles(4, m, column, place, depth, p, p_place);
            }
            place += depth;
        } while (place < m->depth);
    }
}

/* Floats of a matrix in panels. */
static inline size_t packed_size(size_t depth, size_t columns) {
    return depth * padded(columns);
}

/* w (depth, columns), w[k·place + n·column], in panels with zeros up to a multiple of LANES.
 * `depth_to` places are room for: `depth` of them are set, from `first` on. */
static void pack(const float *w, size_t place, size_t column, size_t first, size_t depth,
                 size_t depth_to, size_t columns, float *packed) {
    for (size_t n = 0; n < columns; n += PANEL) {
        const size_t left = padded(columns - n), width = left < PANEL ? left : PANEL;
        const size_t real = columns - n < width ? columns - n : width;
        float *panel = packed + n * depth_to + first * width;
        if (column == 1) {
            for (size_t k = 0; k < depth; k++, panel += width) {
                memcpy(panel, w + k * place + n, real * sizeof *w);
                memset(panel + real, 0, (width - real) * sizeof *w);
            }
            continue;
        }
        for (size_t c = 0; c < width; c++)
            for (size_t k = 0; k < depth; k++)
                panel[k * width + c] = c < real ? w[k * place + (n + c) * column] : 0.0f;
    }
}

#endif
