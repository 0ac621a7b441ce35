/* An LSTM layer; the equations are those of edgelstm/layers/lstm.py.
 *
 * Forward: a tile forms all four gates of LANES units for a few sequences in registers and applies
 * the cell to them there. Backward, per frame: slopes, then dh = dz · R; for some frames together
 * dx = dz · W, dW += dzᵀ · x and dR += dzᵀ · h, while dz is warm.
 *
 * Tape, with n sequences and runs T: h (T + 1, n, row) and c (T + 1, n, row), whose first are the
 * state before; gates (T, n, gate_row) with i, f, g, o side by side, over which the way back writes
 * dz. */
#ifndef EL_LSTM_H
#define EL_LSTM_H

#include "layer.h"

#include <float.h>

enum { LSTM_TOGETHER = 64 /* rows of dz that its weights' gradients take at a time */ };

static size_t lstm_gate_row(const struct layer *layer) {
    return 4 * padded(layer->outputs) + LANES;
}

/* Packed: for each LANES units bias (4, LANES) and weights (inputs + units, 4, LANES); W and R in
 * panels. */
static size_t lstm_unit_size(const struct layer *layer) {
    return 4 * LANES * (1 + layer->inputs + layer->outputs);
}

static size_t lstm_W_at(const struct layer *layer) {
    return padded(layer->outputs) / LANES * lstm_unit_size(layer);
}

static size_t lstm_R_at(const struct layer *layer) {
    return lstm_W_at(layer) + packed_size(4 * padded(layer->outputs), layer->inputs);
}

static void lstm_plan(struct layer *layer) {
    const size_t H = layer->sizes.units, I = layer->inputs, P = padded(H);
    layer->outputs = H;
    layer->row = row_size(H);
    layer->hop = layer->rows = 1;
    layer->packed = lstm_R_at(layer) + packed_size(4 * P, H);
    layer->arrays = 3;
    layer->parts = 2;
    layer->part_sizes[0] = layer->part_sizes[1] = H;
    /* A piece's gradients: W (4P, padded(I)), R (4P, P), b (4P). */
    const size_t R = 4 * P * padded(I), b = R + 4 * P * P;
    layer->gradients = b + 4 * P;
    for (size_t gate = 0; gate < 4; gate++) {
        add_block(layer, (struct block){0, gate * H * I, H, I, gate * P * padded(I), padded(I)});
        add_block(layer, (struct block){1, gate * H * H, H, H, R + gate * P * P, P});
        add_block(layer, (struct block){2, gate * H, 1, H, b + gate * P, P});
    }
}

static size_t lstm_tape(const struct layer *layer, size_t runs, size_t sequences) {
    return sequences * (2 * (runs + 1) * layer->row + runs * lstm_gate_row(layer));
}

struct lstm_tape {
    float *h, *c, *gates;
};

static struct lstm_tape lstm_arrays(const struct layer *layer, const struct run *run) {
    const size_t states = (run->runs + 1) * run->sequences * layer->row;
    return (struct lstm_tape){run->tape, run->tape + states, run->tape + 2 * states};
}

static size_t lstm_scratch(const struct layer *layer, size_t runs, size_t sequences) {
    (void)runs;
    return 2 * sequences * layer->row;
}

static size_t lstm_result(const struct layer *layer, size_t runs, size_t sequences) {
    (void)runs;
    return sequences * layer->row; /* behind the state before */
}

static void lstm_pack(const struct layer *layer, const float *const *weights, float *packed) {
    const float *W = weights[0], *R = weights[1], *b = weights[2];
    const size_t H = layer->outputs, I = layer->inputs, P = padded(H);
    float *W_panels = packed + lstm_W_at(layer), *R_panels = packed + lstm_R_at(layer);
    for (size_t gate = 0; gate < 4; gate++) {
        const float factor = gate == 2 ? 1.0f : 0.5f; /* sigmoid_of_half */
        for (size_t unit = 0; unit < H; unit++) {
            const size_t row = gate * H + unit;
            float *to = packed + unit / LANES * lstm_unit_size(layer) + gate * LANES + unit % LANES;
            *to = factor * b[row];
            for (size_t k = 0; k < I; k++)
                *(to += 4 * LANES) = factor * W[row * I + k];
            for (size_t k = 0; k < H; k++)
                *(to += 4 * LANES) = factor * R[row * H + k];
        }
        pack(W + gate * H * I, I, 1, gate * P, H, 4 * P, I, W_panels);
        pack(R + gate * H * H, H, 1, gate * P, H, 4 * P, H, R_panels);
    }
}

/* Where a tile of the forward pass reads and writes, for its first sequence and its first unit. */
struct lstm_cells {
    const float *x, *h_old, *c_old, *weights;
    float *gates, *c, *h;
    size_t x_row, row, gate_row, gate; /* the last: floats from a gate to the next */
    size_t from, inputs, to, depth;    /* places [from, to) of `depth`; inputs come first */
    size_t next, next_gates;           /* floats to the next frame's, 0 at the end */
};

INLINE void lstm_accumulate(const int rows, vec sums[MOST_ROWS][4], const float *weights,
                            const float *a, size_t row, size_t depth) {
    for (size_t k = 0; k < depth; k++, a++, weights += 4 * LANES) {
        vec factors[MOST_ROWS];
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++)
            factors[r] = splat(a[(size_t)r * row]);
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) {
            vec w = load(weights + g * LANES);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++)
                sums[r][g] += factors[r] * w;
        }
    }
}

INLINE void lstm_cell(const struct lstm_cells *at, size_t r, const vec sums[4]) {
    vec i = sigmoid_of_half(sums[0]), f = sigmoid_of_half(sums[1]);
    vec g = tanh_of(sums[2]), o = sigmoid_of_half(sums[3]);
    vec c = i * g + f * load(at->c_old + r * at->row);
    float *gates = at->gates + r * at->gate_row;
    for (size_t gate = 0; gate < 4; gate++)
        fetch(gates + gate * at->gate + at->next_gates);
    fetch(at->c + r * at->row + at->next), fetch(at->h + r * at->row + at->next);
    store(gates, i), store(gates + at->gate, f), store(gates + 2 * at->gate, g),
        store(gates + 3 * at->gate, o);
    store(at->c + r * at->row, c);
    store(at->h + r * at->row, o * tanh_of(c));
}

/* Places [from, to) of the sums of LANES units; the first begin with the bias, the last end with
 * the cell. What lies between waits in the gates' memory. */
INLINE void lstm_tile(const int rows, const struct lstm_cells *at) {
    vec sums[MOST_ROWS][4];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            sums[r][g] = at->from
                             ? load(at->gates + (size_t)r * at->gate_row + (size_t)g * at->gate)
                             : load(at->weights + g * LANES);
    const float *weights = at->weights + 4 * LANES * (1 + at->from);
    size_t k = at->from;
    if (k < at->inputs) {
        const size_t end = at->to < at->inputs ? at->to : at->inputs;
        lstm_accumulate(rows, sums, weights, at->x + k, at->x_row, end - k);
        weights += 4 * LANES * (end - k);
        k = end;
    }
    if (k < at->to)
        lstm_accumulate(rows, sums, weights, at->h_old + (k - at->inputs), at->row, at->to - k);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        if (at->to == at->depth) {
            lstm_cell(at, (size_t)r, sums[r]);
            continue;
        }
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            store(at->gates + (size_t)r * at->gate_row + (size_t)g * at->gate, sums[r][g]);
    }
}

/* All sequences of a piece by tiles, for some places of LANES units. */
static void lstm_tiles(struct lstm_cells at, size_t sequences) {
    const size_t most = TILE / 4;
    for (size_t rows; sequences; sequences -= rows) {
        rows = next_rows(sequences, most);
        if (rows > most)
            __builtin_unreachable();
        switch (rows) {
        case 1:
            lstm_tile(1, &at);
            break;
        case 2:
            lstm_tile(2, &at);
            break;
        case 3:
            lstm_tile(3, &at);
            break;
        case 4:
            lstm_tile(4, &at);
            break;
        case 5:
            lstm_tile(5, &at);
            break;
        default:
            lstm_tile(6, &at);
        }
        at.x += rows * at.x_row, at.gates += rows * at.gate_row;
        at.h_old += rows * at.row, at.c_old += rows * at.row, at.h += rows * at.row,
            at.c += rows * at.row;
    }
}

static void lstm_after(const struct layer *layer, const struct run *run, const float *h,
                       const float *c) {
    const float *parts[] = {h, c};
    for (size_t part = 0; part < 2; part++)
        if (run->after[part])
            for (size_t s = 0; s < run->sequences; s++) {
                const size_t at = ((size_t)run->ends[s] * run->sequences + s) * layer->row;
                give_state(run, s, parts[part] + at, layer->outputs, run->after[part]);
            }
}

static void lstm_forward(const struct layer *layer, const float *packed, const struct run *run) {
    const size_t n = run->sequences, row = layer->row, gate_row = lstm_gate_row(layer);
    const size_t depth = layer->inputs + layer->outputs, frame = n * row;
    const struct lstm_tape tape = lstm_arrays(layer, run);
    take_state(run, run->before[0], layer->outputs, tape.h, row);
    take_state(run, run->before[1], layer->outputs, tape.c, row);
    for (size_t t = 0; t < run->runs; t++)
        for (size_t unit = 0; unit < layer->outputs; unit += LANES)
            for (size_t from = 0; from < depth; from += DEPTH) {
                const size_t was = t * frame, now = was + frame;
                struct lstm_cells at = {
                    .x = run->x + t * n * layer->input_row,
                    .h_old = tape.h + was,
                    .c_old = tape.c + was + unit,
                    .weights = packed + unit / LANES * lstm_unit_size(layer),
                    .gates = tape.gates + t * n * gate_row + unit,
                    .c = tape.c + now + unit,
                    .h = tape.h + now + unit,
                    .x_row = layer->input_row,
                    .row = row,
                    .gate_row = gate_row,
                    .gate = padded(layer->outputs),
                    .from = from,
                    .inputs = layer->inputs,
                    .to = depth - from < DEPTH ? depth : from + DEPTH,
                    .depth = depth,
                    .next = t + 1 < run->runs ? frame : 0,
                    .next_gates = t + 1 < run->runs ? n * gate_row : 0,
                };
                lstm_tiles(at, n);
            }
    lstm_after(layer, run, tape.h, tape.c);
}

/* From dh and dc of a frame to dz, in the gates' memory, and dc of the one before. tanh(c)
 * is h / o: o is 0, and then tanh(c) counts for nothing, or at least 2^-25, to which FLT_MIN adds
 * nothing. */
static void lstm_slopes(const struct layer *layer, const struct run *run, size_t t, float *dh,
                        float *dc) {
    const size_t P = padded(layer->outputs), row = layer->row, gate_row = lstm_gate_row(layer);
    const size_t frame = run->sequences * row, gate_frame = run->sequences * gate_row;
    const struct lstm_tape tape = lstm_arrays(layer, run);
    const float *h = tape.h + (t + 1) * frame, *c_old = tape.c + t * frame;
    const float *dresult = run->dresult + t * frame;
    const size_t back = t ? frame : 0, gates_back = t ? gate_frame : 0; /* to what comes next */
    const vec one = splat(1.0f);
    for (size_t s = 0; s < run->sequences; s++)
        for (size_t unit = 0; unit < P; unit += LANES) {
            const size_t at = s * row + unit;
            float *z = tape.gates + t * gate_frame + s * gate_row + unit;
            vec i = load(z), f = load(z + P), g = load(z + 2 * P), o = load(z + 3 * P);
            for (size_t gate = 0; gate < 4; gate++)
                fetch(z + gate * P - gates_back);
            fetch(h + at - back), fetch(c_old + at - back), fetch(dresult + at - back);
            vec tanh_c = load(h + at) / (o + splat(FLT_MIN));
            vec d = load(dh + at) + load(dresult + at);
            vec e = load(dc + at) + d * o * (one - tanh_c * tanh_c);
            store(z, e * g * i * (one - i));
            store(z + P, e * load(c_old + at) * f * (one - f));
            store(z + 2 * P, e * i * (one - g * g));
            store(z + 3 * P, d * tanh_c * o * (one - o));
            store(dc + at, e * f);
        }
}

/* What `rows` rows of dz say of x, W and R. */
static void lstm_spread(const struct layer *layer, const float *packed, const struct run *run,
                        size_t first, size_t rows, const float *dz, const float *h_old) {
    const size_t I = padded(layer->inputs), P = padded(layer->outputs),
                 gate_row = lstm_gate_row(layer);
    const bool adds = first + rows < run->runs * run->sequences;
    add_rows(rows, 4 * P, dz, gate_row, run->gradients + 4 * P * (I + P));
    if (run->dx)
        multiply(&(struct product){.rows = rows,
                                   .columns = I,
                                   .depth = 4 * P,
                                   .a = dz,
                                   .a_row = gate_row,
                                   .a_place = 1,
                                   .p = packed + lstm_W_at(layer),
                                   .to = run->dx + first * layer->input_row,
                                   .to_row = layer->input_row});
    struct product by_weights = {.rows = 4 * P,
                                 .columns = I,
                                 .depth = rows,
                                 .a = dz,
                                 .a_row = 1,
                                 .a_place = gate_row,
                                 .p = run->x + first * layer->input_row,
                                 .p_place = layer->input_row,
                                 .to = run->gradients,
                                 .to_row = I,
                                 .adds = adds};
    multiply(&by_weights);
    by_weights.columns = P;
    by_weights.p = h_old;
    by_weights.p_place = layer->row;
    by_weights.to += 4 * P * I;
    by_weights.to_row = P;
    multiply(&by_weights);
}

static void lstm_backward(const struct layer *layer, const float *packed, const struct run *run) {
    const size_t n = run->sequences, frame = n * layer->row, P = padded(layer->outputs);
    const size_t gate_row = lstm_gate_row(layer);
    const struct lstm_tape tape = lstm_arrays(layer, run);
    float *dh = run->scratch, *dc = dh + frame,
          *db = run->gradients + 4 * P * (padded(layer->inputs) + P);
    memset(dh, 0, 2 * frame * sizeof *dh);
    memset(db, 0, 4 * P * sizeof *db);
    const size_t together = (LSTM_TOGETHER + n - 1) / n; /* frames */
    for (size_t t = run->runs, done = t; t-- > 0;) {
        const float *dz = tape.gates + t * n * gate_row;
        lstm_slopes(layer, run, t, dh, dc);
        if (t)
            multiply(&(struct product){.rows = n,
                                       .columns = P,
                                       .depth = 4 * P,
                                       .a = dz,
                                       .a_row = gate_row,
                                       .a_place = 1,
                                       .p = packed + lstm_R_at(layer),
                                       .to = dh,
                                       .to_row = layer->row});
        if (done - t == together || !t) {
            lstm_spread(layer, packed, run, t * n, (done - t) * n, dz, tape.h + t * frame);
            done = t;
        }
    }
}

static const struct kind lstm_kind = {"lstm",      lstm_plan, lstm_tape,    lstm_scratch,
                                      lstm_result, lstm_pack, lstm_forward, lstm_backward};

#endif
