/* A GRU layer; the equations are those of edgelstm/layers/gru.py. What the reset gate makes of the
 * state is `m`: R_n·h + rb, which r multiplies afterwards, or r·h, which R_n multiplies afterwards.
 *
 * Tape, with n sequences and runs T: h (T + 1, n, row), whose first is the state before; m (T, n,
 * row); gates (T, n, gate_row) with z, r, n side by side. The way back writes the gradients of the
 * gates and of m over these. */
#ifndef EL_GRU_H
#define EL_GRU_H

#include "layer.h"

enum { GRU_TOGETHER = 64 /* rows of gradients that the weights' take at a time */ };

/* Packed: b (3, P), rb (P); for each gate W and R for the way there; for the way back all of W, R
 * of z and r, and R of n. */
struct gru_packed {
    size_t rb, W[3], R[3], W_back, R_zr_back, R_n_back, size;
};

static struct gru_packed gru_places(const struct layer *layer) {
    const size_t H = layer->outputs, I = layer->inputs, P = padded(H);
    struct gru_packed at = {.rb = 3 * P};
    size_t end = 4 * P;
    for (size_t gate = 0; gate < 3; gate++) {
        at.W[gate] = end;
        at.R[gate] = end + packed_size(I, H);
        end = at.R[gate] + packed_size(H, H);
    }
    at.W_back = end;
    at.R_zr_back = at.W_back + packed_size(3 * P, I);
    at.R_n_back = at.R_zr_back + packed_size(2 * P, H);
    at.size = at.R_n_back + packed_size(P, H);
    return at;
}

static size_t gru_gate_row(const struct layer *layer) {
    return 3 * padded(layer->outputs) + LANES;
}

static void gru_plan(struct layer *layer) {
    const size_t H = layer->sizes.units, I = layer->inputs, P = padded(H);
    layer->outputs = H;
    layer->row = row_size(H);
    layer->hop = layer->rows = 1;
    layer->packed = gru_places(layer).size;
    layer->arrays = 4;
    layer->parts = 1;
    layer->part_sizes[0] = H;
    /* A piece's gradients: W (3P, padded(I)), R (3P, P), b (3P), rb (P). */
    const size_t R = 3 * P * padded(I), b = R + 3 * P * P, rb = b + 3 * P;
    layer->gradients = rb + P;
    for (size_t gate = 0; gate < 3; gate++) {
        add_block(layer, (struct block){0, gate * H * I, H, I, gate * P * padded(I), padded(I)});
        add_block(layer, (struct block){1, gate * H * H, H, H, R + gate * P * P, P});
        add_block(layer, (struct block){2, gate * H, 1, H, b + gate * P, P});
    }
    add_block(layer, (struct block){3, 0, 1, H, rb, P});
}

static size_t gru_tape(const struct layer *layer, size_t runs, size_t sequences) {
    return sequences * ((2 * runs + 1) * layer->row + runs * gru_gate_row(layer));
}

static size_t gru_scratch(const struct layer *layer, size_t runs, size_t sequences) {
    (void)runs;
    return 2 * sequences * layer->row;
}

static size_t gru_result(const struct layer *layer, size_t runs, size_t sequences) {
    (void)runs;
    return sequences * layer->row; /* behind the state before */
}

static void gru_pack(const struct layer *layer, const float *const *weights, float *packed) {
    const float *W = weights[0], *R = weights[1], *b = weights[2], *rb = weights[3];
    const size_t H = layer->outputs, I = layer->inputs, P = padded(H);
    const struct gru_packed at = gru_places(layer);
    memcpy(packed + at.rb, rb, H * sizeof *packed);
    for (size_t gate = 0; gate < 3; gate++) {
        const float *W_gate = W + gate * H * I, *R_gate = R + gate * H * H;
        memcpy(packed + gate * P, b + gate * H, H * sizeof *packed);
        pack(W_gate, 1, I, 0, I, I, H, packed + at.W[gate]);
        pack(R_gate, 1, H, 0, H, H, H, packed + at.R[gate]);
        pack(W_gate, I, 1, gate * P, H, 3 * P, I, packed + at.W_back);
        if (gate < 2)
            pack(R_gate, H, 1, gate * P, H, 2 * P, H, packed + at.R_zr_back);
    }
    pack(R + 2 * H * H, H, 1, 0, H, P, H, packed + at.R_n_back);
}

/* What a frame is made of, for one piece. */
struct gru_frame {
    size_t sequences, P, row, gate_row;
    float *gates, *m, *h;
    const float *h_old;
    ptrdiff_t next; /* frames to the one that is next: 1, -1, or 0 at the end */
};

/* Bring near what the next frame needs of some units. */
INLINE void gru_fetch(const struct gru_frame *at, const float *gate, size_t place) {
    const ptrdiff_t frames = at->next * (ptrdiff_t)at->sequences;
    for (size_t n = 0; n < 3; n++)
        fetch(gate + n * at->P + frames * (ptrdiff_t)at->gate_row);
    fetch(at->m + place + frames * (ptrdiff_t)at->row);
}

/* to += or = a · R of a gate. */
static void gru_recur(const struct gru_frame *at, size_t units, const float *a, const float *R,
                      float *to, size_t to_row, const float *bias) {
    multiply(&(struct product){.rows = at->sequences,
                               .columns = at->P,
                               .depth = units,
                               .a = a,
                               .a_row = at->row,
                               .a_place = 1,
                               .p = R,
                               .to = to,
                               .to_row = to_row,
                               .bias = bias,
                               .adds = !bias});
}

/* z and r from their sums, and where the reset comes first, m = r · h. */
static void gru_open(const struct gru_frame *at, bool before) {
    const vec half = splat(0.5f);
    for (size_t s = 0; s < at->sequences; s++)
        for (size_t u = 0; u < at->P; u += LANES) {
            float *z = at->gates + s * at->gate_row + u, *r = z + at->P;
            vec opened = sigmoid_of_half(half * load(r));
            store(z, sigmoid_of_half(half * load(z)));
            store(r, opened);
            if (before)
                store(at->m + s * at->row + u, opened * load(at->h_old + s * at->row + u));
        }
}

static void gru_finish(const struct gru_frame *at, bool before) {
    for (size_t s = 0; s < at->sequences; s++)
        for (size_t u = 0; u < at->P; u += LANES) {
            float *gate = at->gates + s * at->gate_row + u, *n = gate + 2 * at->P;
            const size_t place = s * at->row + u;
            vec z = load(gate), sum = load(n);
            if (!before)
                sum += load(gate + at->P) * load(at->m + place);
            gru_fetch(at, gate, place);
            vec candidate = tanh_of(sum);
            store(n, candidate);
            store(at->h + place, candidate + z * (load(at->h_old + place) - candidate));
        }
}

static void gru_forward(const struct layer *layer, const float *packed, const struct run *run) {
    const size_t n = run->sequences, H = layer->outputs, P = padded(H), row = layer->row,
                 frame = n * row;
    const size_t gate_row = gru_gate_row(layer);
    const struct gru_packed places = gru_places(layer);
    const bool before = layer->sizes.reset_before;
    float *h = run->tape, *m = h + (run->runs + 1) * frame, *gates = m + run->runs * frame;
    take_state(run, run->before[0], H, h, row);
    for (size_t gate = 0; gate < 3; gate++)
        multiply(&(struct product){.rows = run->runs * n,
                                   .columns = P,
                                   .depth = layer->inputs,
                                   .a = run->x,
                                   .a_row = layer->input_row,
                                   .a_place = 1,
                                   .p = packed + places.W[gate],
                                   .to = gates + gate * P,
                                   .to_row = gate_row,
                                   .bias = packed + gate * P});
    for (size_t t = 0; t < run->runs; t++) {
        const struct gru_frame at = {n,
                                     P,
                                     row,
                                     gate_row,
                                     gates + t * n * gate_row,
                                     m + t * frame,
                                     h + (t + 1) * frame,
                                     h + t * frame,
                                     t + 1 < run->runs};
        gru_recur(&at, H, at.h_old, packed + places.R[0], at.gates, gate_row, NULL);
        gru_recur(&at, H, at.h_old, packed + places.R[1], at.gates + P, gate_row, NULL);
        gru_open(&at, before);
        if (before)
            gru_recur(&at, H, at.m, packed + places.R[2], at.gates + 2 * P, gate_row, NULL);
        else
            gru_recur(&at, H, at.h_old, packed + places.R[2], at.m, row, packed + places.rb);
        gru_finish(&at, before);
    }
    if (run->after[0])
        for (size_t s = 0; s < n; s++)
            give_state(run, s, h + (size_t)run->ends[s] * frame + s * row, H, run->after[0]);
}

/* From dh of a frame to the gradients of z and n, and with the reset afterwards of r and m; dh is
 * then z's share. */
static void gru_slopes(const struct gru_frame *at, const float *dresult, float *dh, bool before) {
    const ptrdiff_t frame = (ptrdiff_t)(at->sequences * at->row);
    const vec one = splat(1.0f);
    for (size_t s = 0; s < at->sequences; s++)
        for (size_t u = 0; u < at->P; u += LANES) {
            float *gate = at->gates + s * at->gate_row + u;
            const size_t place = s * at->row + u;
            vec z = load(gate), r = load(gate + at->P), n = load(gate + 2 * at->P);
            gru_fetch(at, gate, place);
            fetch(at->h_old + place + at->next * frame), fetch(dresult + place + at->next * frame);
            vec d = load(dh + place) + load(dresult + place), kept = d * z;
            vec dn = (d - kept) * (one - n * n);
            store(gate, (load(at->h_old + place) - n) * kept * (one - z));
            store(gate + 2 * at->P, dn);
            store(dh + place, kept);
            if (before)
                continue;
            vec dm = dn * r;
            store(gate + at->P, dm * load(at->m + place) * (one - r));
            store(at->m + place, dm);
        }
}

/* With the reset before: from dm to the gradient of r, and its share of dh. */
static void gru_reset_slopes(const struct gru_frame *at, const float *dm, float *dh) {
    const vec one = splat(1.0f);
    for (size_t s = 0; s < at->sequences; s++)
        for (size_t u = 0; u < at->P; u += LANES) {
            float *gate = at->gates + s * at->gate_row + at->P + u;
            const size_t place = s * at->row + u;
            vec r = load(gate), through = load(dm + place) * r;
            store(dh + place, load(dh + place) + through);
            store(gate, through * load(at->h_old + place) * (one - r));
        }
}

/* What some frames' gradients, from row `first` on, say of x and of the weights. */
static void gru_spread(const struct layer *layer, const float *packed, const struct run *run,
                       size_t first, size_t rows, const struct gru_frame *at) {
    const size_t I = padded(layer->inputs), P = at->P;
    const bool adds = first + rows < run->runs * run->sequences, before = layer->sizes.reset_before;
    float *R = run->gradients + 3 * P * I, *b = R + 3 * P * P;
    if (run->dx)
        multiply(&(struct product){.rows = rows,
                                   .columns = I,
                                   .depth = 3 * P,
                                   .a = at->gates,
                                   .a_row = at->gate_row,
                                   .a_place = 1,
                                   .p = packed + gru_places(layer).W_back,
                                   .to = run->dx + first * layer->input_row,
                                   .to_row = layer->input_row});
    struct product by_weights = {.rows = 3 * P,
                                 .columns = I,
                                 .depth = rows,
                                 .a = at->gates,
                                 .a_row = 1,
                                 .a_place = at->gate_row,
                                 .p = run->x + first * layer->input_row,
                                 .p_place = layer->input_row,
                                 .to = run->gradients,
                                 .to_row = I,
                                 .adds = adds};
    multiply(&by_weights);
    by_weights.rows = 2 * P, by_weights.columns = P;
    by_weights.p = at->h_old, by_weights.p_place = at->row;
    by_weights.to = R, by_weights.to_row = P;
    multiply(&by_weights);
    by_weights.rows = P, by_weights.to = R + 2 * P * P;
    if (before)
        by_weights.a = at->gates + 2 * P, by_weights.p = at->m;
    else
        by_weights.a = at->m, by_weights.a_place = at->row;
    multiply(&by_weights);
    add_rows(rows, 3 * P, at->gates, at->gate_row, b);
    if (!before)
        add_rows(rows, P, at->m, at->row, b + 3 * P);
}

static void gru_backward(const struct layer *layer, const float *packed, const struct run *run) {
    const size_t n = run->sequences, row = layer->row, frame = n * row, P = padded(layer->outputs);
    const size_t gate_row = gru_gate_row(layer), together = (GRU_TOGETHER + n - 1) / n; /* frames */
    const struct gru_packed places = gru_places(layer);
    const bool before = layer->sizes.reset_before;
    float *h = run->tape, *m = h + (run->runs + 1) * frame, *gates = m + run->runs * frame;
    float *dh = run->scratch, *dm = dh + frame;
    memset(dh, 0, frame * sizeof *dh);
    memset(run->gradients + 3 * P * (padded(layer->inputs) + P), 0, 4 * P * sizeof *dh);
    for (size_t t = run->runs, done = t; t-- > 0;) {
        const struct gru_frame at = {n,
                                     P,
                                     row,
                                     gate_row,
                                     gates + t * n * gate_row,
                                     m + t * frame,
                                     NULL,
                                     h + t * frame,
                                     t ? -1 : 0};
        struct product back = {.rows = n,
                               .columns = P,
                               .depth = P,
                               .a = at.gates + 2 * P,
                               .a_row = gate_row,
                               .a_place = 1,
                               .p = packed + places.R_n_back,
                               .to = dm,
                               .to_row = row};
        gru_slopes(&at, run->dresult + t * frame, dh, before);
        if (before) {
            multiply(&back);
            gru_reset_slopes(&at, dm, dh);
        } else {
            back.a = at.m, back.a_row = row, back.to = dh, back.adds = true;
            multiply(&back);
        }
        back = (struct product){.rows = n,
                                .columns = P,
                                .depth = 2 * P,
                                .a = at.gates,
                                .a_row = gate_row,
                                .a_place = 1,
                                .p = packed + places.R_zr_back,
                                .to = dh,
                                .to_row = row,
                                .adds = true};
        multiply(&back);
        if (done - t == together || !t) {
            gru_spread(layer, packed, run, t * n, (done - t) * n, &at);
            done = t;
        }
    }
}

static const struct kind gru_kind = {"gru",      gru_plan, gru_tape,    gru_scratch,
                                     gru_result, gru_pack, gru_forward, gru_backward};

#endif
