/* What the network asks of a kind of layer. A piece is some sequences of the batch, with memory of
 * its own. */
#ifndef EL_LAYER_H
#define EL_LAYER_H

#include "product.h"
#include "training.h"

enum {
    MOST_ARRAYS = 4, /* of weights */
    MOST_PARTS = 2,  /* of a state */
    MOST_BLOCKS = 16,
};

/* Numbers of a layer's gradients that lie together both in the array given to the caller and in a
 * piece's memory. */
struct block {
    size_t array, offset; /* of weights, and where there, in floats */
    size_t rows, columns; /* contiguous in the array */
    size_t at, row;       /* where in a piece's gradients, and floats from one row to the next */
};

struct layer {
    struct el_sizes sizes;
    size_t inputs, outputs; /* values of a run */
    size_t input_row, row;  /* floats from one sequence's input, or result, to the next one's */
    size_t rows;            /* of its result, where it has several */
    size_t hop;             /* runs of the layer before for one of its own */
    size_t packed;          /* floats of its weights as its passes read them */
    size_t gradients;       /* floats of a piece's gradients */
    size_t arrays, parts;   /* of weights, of the state */
    size_t part_sizes[MOST_PARTS];
    size_t blocks;
    struct block block[MOST_BLOCKS];
};

/* A layer's memory for one piece. (runs, sequences, values), row after row, each `row` floats long.
 */
struct run {
    size_t sequences, runs;
    const float *x;      /* (runs · hop, sequences, input_row) */
    float *tape;         /* what its passes keep */
    float *result;       /* (runs, sequences, row): in `tape` */
    float *dresult;      /* the gradient by it; may be written over */
    float *dx;           /* by x, written; NULL = not wanted */
    float *gradients;    /* by its weights, written; NULL = not wanted */
    float *scratch;      /* tape's `scratch` floats, for the way back */
    size_t first, all;   /* where the piece's sequences are in the batch, and how many that has */
    const int64_t *ends; /* (sequences,) runs that count */
    const float *before[MOST_PARTS]; /* (values, all) or NULL */
    float *after[MOST_PARTS];        /* likewise */
};

struct kind {
    const char *name;
    /* Fill what follows from `sizes`. */
    void (*plan)(struct layer *layer);
    /* Floats of `tape` for a piece, and those of `scratch`. */
    size_t (*tape)(const struct layer *layer, size_t runs, size_t sequences);
    size_t (*scratch)(const struct layer *layer, size_t runs, size_t sequences);
    /* Where in `tape` the result is. */
    size_t (*result)(const struct layer *layer, size_t runs, size_t sequences);
    /* The weights as the passes read them, into memory that was zeros at first; NULL where it has
     * none. */
    void (*pack)(const struct layer *layer, const float *const *weights, float *packed);
    void (*forward)(const struct layer *layer, const float *packed, const struct run *run);
    void (*backward)(const struct layer *layer, const float *packed, const struct run *run);
};

static inline void add_block(struct layer *layer, struct block block) {
    layer->block[layer->blocks++] = block;
}

/* (values, all) → (sequences, values) with rows of `row` floats; zeros for NULL and up to `row`. */
static void take_state(const struct run *run, const float *from, size_t values, float *to,
                       size_t row) {
    memset(to, 0, run->sequences * row * sizeof *to);
    if (from)
        for (size_t v = 0; v < values; v++)
            for (size_t s = 0; s < run->sequences; s++)
                to[s * row + v] = from[v * run->all + run->first + s];
}

/* to (values,) += the sums of `rows` rows (values,), whose starts are `row` floats apart. */
static void add_rows(size_t rows, size_t values, const float *from, size_t row, float *to) {
    for (size_t v = 0; v < values; v += LANES) {
        vec sum = load(to + v);
        for (size_t n = 0; n < rows; n++)
            sum += load(from + n * row + v);
        store(to + v, sum);
    }
}

/* One sequence's state, `from` (values,), into (values, all). */
static void give_state(const struct run *run, size_t sequence, const float *from, size_t values,
                       float *to) {
    for (size_t v = 0; v < values; v++)
        to[v * run->all + run->first + sequence] = from[v];
}

#endif
