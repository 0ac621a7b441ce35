/* Stream a CSV file through a model: stream_csv MODEL.elstm FRAMES.csv
 *
 * A line is one frame, its features separated by commas. Each answer is printed as a line. */
#include <edgelstm.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static void *aligned(size_t size) {
    return aligned_alloc(EL_ALIGNMENT, (size + EL_ALIGNMENT - 1) / EL_ALIGNMENT * EL_ALIGNMENT);
}

/* The whole file in aligned memory, or null. */
static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    rewind(file);
    void *bytes = end > 0 ? aligned((size_t)end) : NULL;
    *size = bytes != NULL ? fread(bytes, 1, (size_t)end, file) : 0;
    fclose(file);
    return bytes;
}

/* Numbers of a line; returns whether there are exactly `count`. */
static int parse(const char *line, float *values, size_t count) {
    for (size_t n = 0; n < count; n++) {
        char *end;
        values[n] = strtof(line, &end);
        if (end == line || (*end == ',') != (n + 1 < count))
            return 0;
        line = end + 1;
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return fail("usage", "stream_csv MODEL.elstm FRAMES.csv");

    static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE];
    size_t size = 0;
    void *bytes = read_file(argv[1], &size);
    el_model *model;
    el_status status = el_model_open(model_memory, sizeof model_memory, bytes, size, 0, &model);
    if (status != EL_OK)
        return fail(argv[1], bytes == NULL ? "cannot be read" : el_status_message(status));

    el_info info;
    el_stream *stream;
    el_model_info(model, &info);
    status = el_stream_init(aligned(info.stream_size), info.stream_size, model, &stream);
    if (status != EL_OK)
        return fail("stream", el_status_message(status));
    float *frame = aligned(info.features * sizeof *frame);
    float *answer = aligned(info.outputs * sizeof *answer);
    FILE *csv = fopen(argv[2], "r");
    if (csv == NULL || frame == NULL || answer == NULL)
        return fail(argv[2], "cannot be read");

    static char line[1 << 16];
    while (fgets(line, sizeof line, csv) != NULL) {
        if (!parse(line, frame, info.features))
            return fail("a line is not a frame", line);
        size_t answers = 0;
        status = el_stream_push(stream, frame, 1, answer, 1, &answers);
        if (status != EL_OK)
            return fail(line, el_status_message(status));
        for (uint32_t n = 0; n < answers * info.outputs; n++)
            printf("%.9g%c", (double)answer[n], n + 1 < info.outputs ? ',' : '\n');
    }
    return 0; /* the memory goes with the program */
}
