/* Training in C: a network forward and backward over a batch of sequences, and the optimizer's
 * steps. float32.
 *
 * A batch is cut into pieces of few sequences. A piece goes through all layers and back by itself,
 * in whichever thread takes it; what pieces sum up over the batch is added in their order
 * afterwards. So results do not depend on the number of threads.
 *
 * Arrays are the caller's and are laid out as in edgelstm.training: weights row-major as in
 * edgelstm.layers.
 */
#ifndef EL_TRAINING_H
#define EL_TRAINING_H

#include <stddef.h>
#include <stdint.h>

#define EL_API __attribute__((visibility("default")))

/* A layer's sizes. What its kind does not have is 0. */
struct el_sizes {
    uint32_t kind;                   /* a number of el_kind */
    uint32_t rows, channels;         /* of a result that it takes */
    uint32_t units;                  /* lstm, gru, dense; a convolution's filters */
    uint32_t taps, stride, dilation; /* conv */
    uint32_t newest, hop;            /* context: rows of its result; taken for each one given */
    uint32_t relu;                   /* conv, dense: 0 = linear */
    uint32_t reset_before;           /* gru: the reset gate works before the recurrent product */
    float epsilon;                   /* layer_norm: beside the variance, in the root */
};

/* An array (frames, values, sequences) wherever its numbers lie: steps in floats. */
struct el_array {
    float *data;
    ptrdiff_t frame, value, sequence;
};

struct el_batch {
    struct el_array x;      /* (frames, features, sequences), read */
    uint64_t frames;        /* a multiple of all layers' hops together, 1 or more */
    uint64_t sequences;     /* 1 or more */
    const int64_t *lengths; /* (sequences,) frames that count, 1 or more each; NULL = all */
    /* For each layer NULL or factors (values, sequences) on its results, row-major. */
    const float *const *drops;
    /* For each part of the state in the layers' order (lstm h, c; gru h; context past): NULL for
     * zeros, or (values, sequences) row-major before the first frame; where it goes as of each
     * sequence's last frame, or NULL. */
    const float *const *before;
    float *const *after;
};

typedef struct el_network el_network;

/* Name of the instruction set that is used: "avx512", "avx2", "neon" or "plain";
 * EDGELSTM_TRAINING_SET asks for one. */
EL_API const char *el_training_set(void);

/* The number of a kind of layer, such as "lstm"; -1 for one that is not there. */
EL_API int32_t el_kind(const char *name);

/* NULL where there is no memory. */
EL_API el_network *el_network_open(const struct el_sizes *layers, uint64_t count);
EL_API void el_network_close(el_network *network);

/* weights: for each layer in order its arrays (lstm W R b; gru W R b rb; conv, dense W b). They
 * must stay as they are until the way back. scores (frames / hops, outputs, sequences) is written;
 * rows past a sequence's length are arbitrary, but finite where weights and frames are. 0, or -1
 * where there is no memory. */
EL_API int el_network_forward(el_network *network, const float *const *weights,
                              const struct el_batch *batch, const struct el_array *scores,
                              uint32_t threads);

/* What scores are held to. */
enum el_criterion { EL_CROSS_ENTROPY, EL_BINARY, EL_MSE, EL_HUBER, EL_QUANTILE };
enum el_over { EL_OVER_ROWS, EL_OVER_MEAN, EL_OVER_MEAN_AND_MAX };

struct el_objective {
    uint32_t criterion; /* of each row, or of what the rows are pooled to */
    uint32_t over;
    struct el_array target; /* (rows, outputs, sequences), or one row for all, `frame` being 0; NaN
                               = not known */
    const int64_t *first, *end; /* (sequences,) rows from `first` to before `end` count … */
    const float *share;         /* (sequences,) … and weigh so much each */
    const float *weights;       /* (outputs,) of each, where it is true; NULL = 1 */
    const float *levels;        /* (outputs,) quantiles, for EL_QUANTILE */
};

/* Forward and backward at once: the scores are not seen. As the two below one after the other, but
 * with memory for as many pieces alone as there are threads. loss is written. 0, or -1 where there
 * is no memory. */
EL_API int el_network_learn(el_network *network, const float *const *weights,
                            const struct el_batch *batch, const struct el_objective *objective,
                            float *const *gradients, double *loss, uint32_t threads);

/* After el_network_forward, once. dscores is that by the scores of the same shape; what lies past a
 * sequence's length must be 0. gradients: arrays as weights has, written; NULL for all of a layer =
 * not wanted, nor of those before. */
EL_API void el_network_backward(el_network *network, const struct el_array *dscores,
                                float *const *gradients, uint32_t threads);

/* Of a model's arrays values[n], sizes[n] numbers each: the sum of all squares, -1 where there is
 * no memory. */
EL_API double el_squares(uint64_t count, const float *const *values, const uint64_t *sizes,
                         uint32_t threads);
/* values *= factor */
EL_API void el_scale(uint64_t count, float *const *values, const uint64_t *sizes, float factor,
                     uint32_t threads);

/* Adam with decoupled decay. decays[n]: whether values[n] decay. */
struct el_adam {
    float rate;          /* over the first moment's correction */
    float first, second; /* what a gradient adds to the moments: 1 - beta */
    float unbias;        /* 1 over the second moment's correction */
    float epsilon;
    float keep; /* factor of weights that decay */
};
EL_API void el_adam(uint64_t count, float *const *values, const uint64_t *sizes,
                    const uint8_t *decays, const float *const *gradients, float *const *firsts,
                    float *const *seconds, const struct el_adam *settings, uint32_t threads);

/* Gradient descent with momentum. */
struct el_momentum {
    float rate, momentum;
    float keep; /* factor of weights that decay */
    uint32_t nesterov;
};
EL_API void el_momentum(uint64_t count, float *const *values, const uint64_t *sizes,
                        const uint8_t *decays, const float *const *gradients,
                        float *const *velocities, const struct el_momentum *settings,
                        uint32_t threads);

/* averages += share · (values - averages) */
EL_API void el_average(uint64_t count, float *const *averages, const float *const *values,
                       const uint64_t *sizes, float share, uint32_t threads);

/* tanh of `count` numbers, a multiple of 16, as the layers compute it. */
EL_API void el_tanh(uint64_t count, const float *from, float *to);

#endif
