/* Steps of a model between the marks of count_instructions.c.
 *
 *     from_c MODEL STEPS [FRAMES]
 *
 * FRAMES a push, of which STEPS is a multiple; more than one go through the layers together. Prints
 * the kernel set. The frames are noise from -1 to 1. */
#define _DEFAULT_SOURCE
#include <edgelstm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARM_STEPS = 32 };

static void *aligned(size_t size) {
    size_t whole = (size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT;
    void *memory = aligned_alloc(EL_ALIGNMENT, whole);
    if (memory == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", size);
        exit(1);
    }
    return memory;
}

static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *size = (size_t)ftell(file);
    void *bytes = aligned(*size);
    rewind(file);
    if (fread(bytes, 1, *size, file) != *size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    size_t size, steps = argc < 3 ? 0 : strtoul(argv[2], NULL, 10);
    size_t together = argc < 4 ? 1 : strtoul(argv[3], NULL, 10);
    if (argc < 3 || argc > 4 || together == 0 || steps % together || WARM_STEPS % together) {
        fprintf(stderr, "usage: from_c MODEL STEPS [FRAMES]\n");
        return 2;
    }
    static _Alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
    void *file = read_file(argv[1], &size);
    el_model *model;
    el_info info;
    el_stream *stream;
    el_status status =
        el_model_open(memory, sizeof memory, file, size, together > 1 ? EL_CHUNKS : 0, &model);
    if (status == EL_OK)
        status = el_model_info(model, &info);
    if (status == EL_OK)
        status = el_stream_init(aligned((size_t)info.stream_size), (size_t)info.stream_size, model,
                                NULL, &stream);
    if (status != EL_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], el_status_message(status));
        return 1;
    }
    size_t values = (steps + WARM_STEPS) * info.features;
    float *frames = aligned(values * sizeof *frames);
    float *answer = aligned(together * info.outputs * sizeof *answer);
    srand(1);
    for (size_t n = 0; n < values; n++)
        frames[n] = (float)rand() / (float)RAND_MAX * 2.0f - 1.0f;
    for (size_t n = 0; n < steps + WARM_STEPS; n += together, frames += together * info.features) {
        if (n == WARM_STEPS)
            getpgid(0x5eed0001);
        if (el_stream_push(stream, frames, together, answer, together, NULL) != EL_OK)
            return 1;
    }
    getpgid(0x5eed0002);
    puts(el_kernel_name());
    return 0;
}
