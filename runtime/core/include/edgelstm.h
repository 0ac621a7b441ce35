/* EdgeLSTM: streaming inference of recurrent models in memory known to the byte.
 *
 *   el_model   a validated model file, read where it lies; const, shared by any number of threads
 *   el_stream  one signal and its state, in memory that the caller hands in; one thread at a time
 *   el_pool    many streams over one model, stepped together; one thread at a time
 *   el_team    threads of the caller's that share the steps of one stream
 *
 * Nothing here allocates, locks, or calls the operating system. Nothing resets a stream but
 * el_stream_reset. N frames pushed one by one, in one call or in any split give the same bits, and
 * so do samples of a sound; so does going on from a saved state. int8 models give the same integers
 * on every machine and instruction set.
 *
 *   static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE];
 *   el_model *model;
 *   el_status status;
 *   status = el_model_open(model_memory, sizeof model_memory, file, file_size, 0, &model);
 *   ...
 *   size_t size = el_stream_size(model, NULL);
 *   void *memory = aligned_alloc(EL_ALIGNMENT, size);
 *   el_stream *stream;
 *   status = el_stream_init(memory, size, model, NULL, &stream);
 *   status = el_stream_push(stream, frame, 1, answer, 1, &answers);
 */
#ifndef EDGELSTM_H
#define EDGELSTM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EL_API __attribute__((visibility("default")))
#else
#define EL_API
#endif

/* Alignment in bytes of a model file in memory and of the memory for models and streams. */
#define EL_ALIGNMENT 64
/* Bytes of memory for one el_model, a multiple of EL_ALIGNMENT: enough for any model, and for one
 * of so many layers. */
#define EL_MODEL_SIZE EL_MODEL_SIZE_OF(EL_MAX_LAYERS)
#define EL_MODEL_SIZE_OF(layers) (256 + 256 * (layers))
/* Largest number of features, units of a layer, or outputs. */
#define EL_MAX_WIDTH 16384
/* Largest number of layers. */
#define EL_MAX_LAYERS 64
/* Largest number of parts that a step is shared in. */
#define EL_MAX_TEAM 64
/* Bytes of a model's identity. */
#define EL_IDENTITY_SIZE 16

typedef struct el_model el_model;
typedef struct el_stream el_stream;
typedef struct el_pool el_pool;
/* The work of a layer for a frame, or a piece of that, which may be done in parts. */
typedef struct el_step el_step;

typedef enum el_status {
    EL_OK = 0,
    EL_ERROR_ARGUMENT,   /* a null pointer where one is needed */
    EL_ERROR_ALIGNMENT,  /* memory is not aligned to EL_ALIGNMENT */
    EL_ERROR_MEMORY,     /* the memory handed in is smaller than needed */
    EL_ERROR_MAGIC,      /* not an EdgeLSTM file or snapshot */
    EL_ERROR_VERSION,    /* a format version that this library does not read */
    EL_ERROR_TRUNCATED,  /* the size given differs from the size that the file states */
    EL_ERROR_CHECKSUM,   /* the bytes were damaged */
    EL_ERROR_FIELD,      /* a field of the file holds a value that is not allowed */
    EL_ERROR_BOUNDS,     /* a table or tensor lies outside the file or overlaps its header */
    EL_ERROR_LIMIT,      /* larger than this library allows */
    EL_ERROR_WEIGHTS,    /* a weight or row record holds a value that is not allowed */
    EL_ERROR_NOT_FINITE, /* NaN or infinity in a frame; the stream is untouched */
    EL_ERROR_CAPACITY,   /* no room for the answers; the stream is untouched */
    EL_ERROR_NO_FRAMES,  /* an answer was asked for before the first result: info.stride frames */
    EL_ERROR_IDENTITY,   /* the snapshot belongs to another model */
    EL_ERROR_KERNEL,     /* EDGELSTM_KERNEL names a kernel set that is unknown or cannot run here */
    EL_ERROR_PRECISION,  /* layers or weights of a kind that the library was built without */
    EL_ERROR_ANSWER,     /* an el_answer that this model's streams cannot give */
    EL_ERROR_OTHER_ANSWER, /* the snapshot is of a stream that gives other answers */
    EL_ERROR_SAMPLES       /* samples, for a model whose frames are none */
} el_status;

/* EL_BF16: float32, but for weights of bfloat16, the upper halves of floats. EL_INT4: int8, but for
 * layers with weights of four bits. */
typedef enum el_precision { EL_FLOAT32 = 0, EL_INT8 = 1, EL_BF16 = 2, EL_INT4 = 3 } el_precision;
typedef enum el_activation { EL_LINEAR = 0, EL_SOFTMAX = 1, EL_SIGMOID = 2 } el_activation;
typedef enum el_pooling { EL_LAST = 0, EL_MEAN = 1, EL_MEAN_MAX = 2 } el_pooling;
typedef enum el_dtype {
    EL_DTYPE_FLOAT32 = 0,
    EL_DTYPE_INT8 = 1,
    EL_DTYPE_INT16 = 2,
    EL_DTYPE_FLOAT64 = 3
} el_dtype;

/* Flags of el_model_open. */
enum {
    /* for a file that was verified before; every other check is still made */
    EL_SKIP_CHECKSUM = 1,
    /* Frames of one push go through each layer with weights together, up to 16 of them: several
     * times faster where weights exceed the second-level cache. Streams have memory for that where
     * a model is large and has several such layers. With EL_CHUNKS they have it for any model, */
    EL_CHUNKS = 2,
    /* and with this one for none. Bits are the same in any case. */
    EL_NO_CHUNKS = 4,
    /* A frame is info.features samples of a sound in a row, though no layer tells so: streams keep
     * those that fill no frame yet. Of a library without float32 and log-mel: EL_ERROR_PRECISION.
     */
    EL_SAMPLES = 8
};

/* How a stream's scores become answers. A model has its own, and a stream may be made with others.
 *
 * EL_LAST takes the newest scores, EL_MEAN their mean over `window` frames; before as many have
 * come, over those that have. EL_MEAN_MAX takes half the sum of their mean and their maximum over
 * these, each output by itself. hop and window are multiples of info.stride, 2^20 at most; window
 * is a multiple of hop, and 0 with EL_LAST. */
typedef struct el_answer {
    uint32_t pooling; /* el_pooling of scores over frames */
    uint32_t window;  /* frames that a mean or maximum covers; 0 = all since reset */
    uint32_t hop;     /* an answer comes after every `hop` frames; 0 = only from el_stream_answer */
} el_answer;

typedef struct el_info {
    uint32_t precision;  /* el_precision */
    uint32_t features;   /* float32 values of a frame */
    uint32_t outputs;    /* float32 values of an answer */
    uint32_t layers;     /* in the model: el_model_layer describes each */
    uint32_t activation; /* el_activation of an answer */
    el_answer answer;    /* the model's own: what follows is of streams that give it */
    float sample_rate;   /* frames per second; 0 = unknown */
    uint32_t stride; /* frames between two results of the last layer; an answer's hop and window are
                        multiples */
    uint64_t stream_size;   /* bytes of a stream: el_stream_size(model, NULL) */
    uint64_t snapshot_size; /* bytes of el_stream_save: el_stream_save_size(model, NULL) */
    /* multiply-accumulates of a frame when every answer is wanted: those of one run of each layer
     * over its stride, summed and rounded up */
    uint64_t frame_macs;
    const char
        *metadata; /* UTF-8 JSON inside the file, not terminated, never parsed here; may be null */
    uint64_t metadata_size;             /* bytes */
    uint8_t identity[EL_IDENTITY_SIZE]; /* first bytes of the SHA-256 that the exporter stored */
    uint32_t parts;                     /* of the state: el_model_part describes each */
    /* frames after which the next one finds the layers in their initial state, a multiple of the
     * stride; 0 = only el_stream_reset brings them there */
    uint32_t anew;
} el_info;

/* A layer of a model. Its result is rows × channels values, rows oldest first. */
typedef struct el_layer_info {
    const char *kind;    /* "lstm", "gru", "dense", "context" or "conv"; a static string */
    uint32_t source;     /* 0 = the normalized input, else 1 + index of the layer that it reads */
    uint32_t activation; /* 0 linear, 1 ReLU */
    uint32_t inputs;     /* values of the source's result */
    uint32_t rows;
    uint32_t channels;
    uint32_t stride;       /* frames between two results */
    uint64_t weights_size; /* bytes in the file, what belongs to rows included */
    uint64_t macs;         /* multiply-accumulates of one run */
    uint64_t state_size;   /* bytes in a snapshot */
    uint64_t scratch_size; /* bytes of the result in a stream; 0 where the state is the result */
} el_layer_info;

/* A part of a stream's state: rows × channels values. */
typedef struct el_part_info {
    const char *name; /* "h", "c", "past", "pending", "sums" …; a static string */
    int32_t layer;    /* index of the layer whose it is; -1 for the sums of scores and for samples
                         that wait */
    uint32_t number;  /* layers before that one whose first part has the name of its first part */
    uint32_t dtype;   /* el_dtype */
    uint32_t rows;
    uint32_t channels;
    uint32_t reserved;
    uint64_t offset; /* bytes from a snapshot's start */
    uint64_t size;   /* bytes */
} el_part_info;

/* "MAJOR.MINOR.PATCH" */
EL_API const char *el_version(void);

/* One line of English for `status`; a static string, never null. */
EL_API const char *el_status_message(el_status status);

/* Name of the kernel set that models opened now will use; a static string. The best that this
 * processor runs: "avx512vnni", "avxvnni", "avx2", "dotprod", "neon" or "scalar"; or the one that
 * the environment variable EDGELSTM_KERNEL names, and "none" where that is unknown or cannot run
 * here. */
EL_API const char *el_kernel_name(void);

/* Check the model file at `bytes` and prepare to use it in place.
 *
 *   memory       EL_MODEL_SIZE bytes, or EL_MODEL_SIZE_OF as many layers as the file has, aligned;
 *                must live as long as the model
 *   bytes, size  the whole file, aligned; must stay unchanged and readable as long as the model: a
 *                mapped file that somebody overwrites or cuts is neither
 *   flags        0, or those above, added up
 *   model        out: the model, inside `memory`; untouched on error
 *
 * Every field is bounded before it is used: any bytes give a status, never a crash. Uses about 5
 * KiB of stack. */
EL_API el_status el_model_open(void *memory, size_t memory_size, const void *bytes, size_t size,
                               unsigned flags, el_model **model);

/* Describe `model` in `info`. info->metadata points into the file. */
EL_API el_status el_model_info(const el_model *model, el_info *info);

/* Describe layer `index` of `model`, of which there are info.layers. EL_ERROR_ARGUMENT for others.
 */
EL_API el_status el_model_layer(const el_model *model, size_t index, el_layer_info *info);

/* Describe part `index` of the state, of which there are info.parts, in the order of snapshots: the
 * parts of each layer, then the sums of scores where the model's own answers pool them, then
 * samples that wait where the model takes some. EL_ERROR_ARGUMENT for others. */
EL_API el_status el_model_part(const el_model *model, size_t index, el_part_info *info);

/* Bytes of memory for a stream that gives `answer`, null for the model's own: exactly; state,
 * scratch and header, a multiple of EL_ALIGNMENT. 0 without a model, and for an answer that
 * el_stream_init refuses. */
EL_API size_t el_stream_size(const el_model *model, const el_answer *answer);

/* Bytes that el_stream_save writes of such a stream; 0 as above. */
EL_API size_t el_stream_save_size(const el_model *model, const el_answer *answer);

/* Make a stream in its initial state.
 *
 *   memory  el_stream_size(model, answer) bytes, aligned; holds everything: state, scratch and
 *           header. It may be moved or copied to other aligned memory: a copy is an independent
 *           stream over the same model.
 *   answer  how scores become answers; null = as the model says. Start from info.answer to change
 *           one of its fields. EL_ERROR_ANSWER for what `el_answer` rules out, and where the stream
 *           would be larger than 1 GiB.
 *   stream  out: the stream, at the start of `memory`; untouched on error */
EL_API el_status el_stream_init(void *memory, size_t memory_size, const el_model *model,
                                const el_answer *answer, el_stream **stream);

/* Back to the initial state: every part 0 (as a real value), no frames. Nothing else does that, but
 * for the layers of a model with info.anew. */
EL_API el_status el_stream_reset(el_stream *stream);

/* Who shares the steps of a stream. There are no threads here: whoever has some says how they are
 * called.
 *
 *   run      has to call el_step_part(step, n) once for each n below `parts`, in any order, on any
 *            threads, together or one after another, and to return when all of these have
 *            returned. What was written before it was called has to be seen by all of them, and
 *            what they wrote by the thread that it returns to.
 *   context  is handed to `run`
 *   parts    1 to EL_MAX_TEAM, as many as there are threads */
typedef struct el_team {
    void (*run)(void *context, const el_step *step);
    void *context;
    uint32_t parts;
} el_team;

/* Let `team`, which has to live as long as the stream has it, share the steps of a stream; null for
 * none, as it is at first. Whatever pushes into the stream then calls `run` for each product that
 * is large enough: of LSTM layers with all that follows it for each unit, of GRU, dense and
 * convolutional ones. Each unit is computed whole in one part: every bit is as without a team. It
 * is no part of the state; a copy of the stream has the same. A stream takes one call at a time
 * with a team, too. Pools step without.
 *
 * A library that was built without EDGELSTM_TEAMS, as for boards without an operating system, has
 * neither function. */
EL_API el_status el_stream_set_team(el_stream *stream, const el_team *team);

/* Do part `part`, below the team's `parts`, of a step that `run` was called with. */
EL_API void el_step_part(const el_step *step, uint32_t part);

/* Frames since the initial state. */
EL_API uint64_t el_stream_frames(const el_stream *stream);

/* Answers that pushing `frames` more frames will emit. */
EL_API size_t el_stream_answers(const el_stream *stream, size_t frames);

/* Push frames in order.
 *
 *   frames     count × features float32 values, raw (the model normalizes), frame after frame
 *   answers    out: capacity × outputs float32 values; may be null when capacity is 0
 *   capacity   answers that fit; must be at least el_stream_answers(stream, count)
 *   n_answers  out: answers written; may be null
 *
 * On any error the stream is untouched. Takes time linear in `count`; allocates nothing. */
EL_API el_status el_stream_push(el_stream *stream, const float *frames, size_t count,
                                float *answers, size_t capacity, size_t *n_answers);

/* Push samples of a sound into a model whose frames are info.features of them in a row: one with a
 * log-mel layer or a spectrum, with one feature, or opened with EL_SAMPLES. EL_ERROR_SAMPLES for
 * others. Any number at a time: what fills no frame yet waits in the stream, as a part of its
 * state, and is the beginning of the next frame, in whatever way that is pushed.
 *
 *   samples    count values, on the scale of 16 bits, -32768 to 32767, where that is the model's
 *   capacity   at least el_stream_answers(stream, (el_stream_waiting(stream) + count) / features)
 *
 * The others, and errors, as for el_stream_push. */
EL_API el_status el_stream_push_i16(el_stream *stream, const int16_t *samples, size_t count,
                                    float *answers, size_t capacity, size_t *n_answers);
EL_API el_status el_stream_push_f32(el_stream *stream, const float *samples, size_t count,
                                    float *answers, size_t capacity, size_t *n_answers);

/* Samples that wait for the rest of their frame. */
EL_API size_t el_stream_waiting(const el_stream *stream);

/* The answer as of the newest frame, whatever the hop: `outputs` float32 values. With a stride,
 * that of the newest result of the last layer. The stream is unchanged. */
EL_API el_status el_stream_answer(el_stream *stream, float *answer);

/* Write the state to `bytes` (el_stream_save_size of them, any alignment): the same bytes on every
 * machine. They say which answers the stream gives, where these are not the model's own. */
EL_API el_status el_stream_save(const el_stream *stream, void *bytes, size_t size);

/* Go on from a saved state. The snapshot is checked whole first; on error the stream is untouched.
 * EL_ERROR_OTHER_ANSWER for that of a stream with another pooling, window or hop.
 * EL_ERROR_FIELD for values that no stream reaches, a count of frames above 2^62, and sums of
 * scores that so many frames do not come to: whatever is restored, answers are finite, and as many
 * as el_stream_answers says. */
EL_API el_status el_stream_restore(el_stream *stream, const void *bytes, size_t size);

/* Bytes of memory for a pool of `streams` streams: 64 and `streams` times el_stream_size as it is
 * with EL_NO_CHUNKS. 0 when that is no size: el_stream_size is 0, `streams` is 0 or too many for
 * size_t. */
EL_API size_t el_pool_size(const el_model *model, const el_answer *answer, size_t streams);

/* Make a pool: streams over one model that step together, so that weights are read once for all.
 *
 *   memory   el_pool_size(model, answer, streams) bytes, aligned; holds everything; may be moved or
 *            copied
 *   answer   of all its streams, as for el_stream_init
 *   streams  at least 1
 *   pool     out: the pool, at the start of `memory` */
EL_API el_status el_pool_init(void *memory, size_t memory_size, const el_model *model,
                              const el_answer *answer, size_t streams, el_pool **pool);

/* Stream `index` of the pool, for the functions above: each is reset, saved, restored and asked on
 * its own, may even be pushed alone, and its snapshots are those of any stream. It lives inside the
 * pool's memory. Null when `index` is out of range. */
EL_API el_stream *el_pool_stream(el_pool *pool, size_t index);

/* Push one frame into each stream that has one. Every stream ends in the state, and with the
 * answer, that el_stream_push would give it: bit for bit.
 *
 *   frames    streams × features float32 values; rows of streams without a frame are not read
 *   mask      streams bytes, 0 for a stream that has no frame this time; null = all have one
 *   answers   out: streams × outputs float32 values, of which only the rows of streams that emit
 *             are written; may be null when none will
 *   answered  out: streams bytes, 1 where a row of `answers` was written, else 0; may be null
 *
 * On any error the pool is untouched: EL_ERROR_NOT_FINITE for a frame that is read. One thread at a
 * time. Allocates nothing. */
EL_API el_status el_pool_push(el_pool *pool, const float *frames, const uint8_t *mask,
                              float *answers, uint8_t *answered);

#ifdef __cplusplus
}
#endif

#endif
