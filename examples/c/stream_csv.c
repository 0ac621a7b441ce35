/* Stream a CSV file through a model: stream_csv MODEL.elstm FRAMES.csv [HOP]
 *
 * A line is one frame, its features in the model's order, separated by commas. A first line that
 * does not begin with a number is a header; where that begins with `time`, its column is passed
 * over. Each answer is printed as a line; of a model that answers only when asked, the one at the
 * end. With HOP an answer comes after every so many frames, whatever the model's own hop is. */
#include <edgelstm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static int fail_at(const char *path, unsigned long line, const char *why) {
    fprintf(stderr, "%s line %lu: %s\n", path, line, why);
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
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    void *bytes = end > 0 ? aligned((size_t)end) : NULL;
    *size = bytes != NULL ? fread(bytes, 1, (size_t)end, file) : 0;
    fclose(file);
    return bytes;
}

/* Whether the line is no frame but names the columns. */
static int is_header(const char *line) {
    char *end;
    (void)strtof(line, &end);
    return end == line;
}

/* Numbers of a line behind its first `passed` columns; returns whether there are exactly `count`.
 */
static int parse(const char *line, int passed, float *values, size_t count) {
    for (; passed > 0; passed--) {
        line = strchr(line, ',');
        if (line == NULL)
            return 0;
        line++;
    }
    for (size_t n = 0; n < count; n++) {
        char *end;
        values[n] = strtof(line, &end);
        if (end == line || (*end == ',') != (n + 1 < count))
            return 0;
        line = end + 1;
    }
    return 1;
}

/* Returns whether all of it was taken. */
static int print(const float *answers, size_t count, uint32_t outputs) {
    for (size_t n = 0; n < count * outputs; n++)
        if (printf("%.9g%c", (double)answers[n], (n + 1) % outputs ? ',' : '\n') < 0)
            return 0;
    return 1;
}

/* The frames of `csv` through the stream; returns the exit status. */
static int stream_lines(FILE *csv, const char *path, const el_info *info, el_stream *stream) {
    static char line[1 << 20];
    float *frame = aligned(info->features * sizeof *frame);
    float *answer = aligned(info->outputs * sizeof *answer);
    int passed = 0;
    if (frame == NULL || answer == NULL)
        return fail(path, "no memory for a frame");
    for (unsigned long number = 1; fgets(line, sizeof line, csv) != NULL; number++) {
        if (strchr(line, '\n') == NULL && !feof(csv))
            return fail_at(path, number, "longer than a megabyte");
        if (number == 1 && is_header(line)) {
            passed = strncmp(line, "time,", 5) == 0;
            continue;
        }
        if (!parse(line, passed, frame, info->features))
            return fail_at(path, number, "not as many numbers as the model has features");
        size_t answers = 0;
        el_status status = el_stream_push(stream, frame, 1, answer, 1, &answers);
        if (status != EL_OK)
            return fail_at(path, number, el_status_message(status));
        if (!print(answer, answers, info->outputs))
            return fail("standard output", "cannot be written");
    }
    if (ferror(csv))
        return fail(path, "cannot be read to its end");
    if (info->answer.hop == 0 && el_stream_answer(stream, answer) == EL_OK)
        (void)print(answer, 1, info->outputs); /* what fails here shows when it is flushed */
    else if (el_stream_frames(stream) < (info->answer.hop ? info->answer.hop : info->stride))
        fprintf(stderr, "%s: no answer: %llu frames, the first needs %lu\n", path,
                (unsigned long long)el_stream_frames(stream),
                (unsigned long)(info->answer.hop ? info->answer.hop : info->stride));
    return fflush(stdout) != 0 || ferror(stdout) ? fail("standard output", "cannot be written") : 0;
}

static int parse_hop(const char *text, uint32_t *hop) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *hop = (uint32_t)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= UINT32_MAX;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4)
        return fail("usage", "stream_csv MODEL.elstm FRAMES.csv [HOP]");

    static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE];
    size_t size = 0;
    void *bytes = read_file(argv[1], &size);
    if (bytes == NULL)
        return fail(argv[1], "cannot be read, or is empty");
    el_model *model;
    el_status status = el_model_open(model_memory, sizeof model_memory, bytes, size, 0, &model);
    if (status != EL_OK)
        return fail(argv[1], el_status_message(status));

    el_info info;
    el_stream *stream;
    el_model_info(model, &info);
    if (argc == 4 && !parse_hop(argv[3], &info.answer.hop))
        return fail(argv[3], "no whole number of frames");
    size = el_stream_size(model, &info.answer); /* 0 for answers that el_stream_init refuses */
    status = el_stream_init(aligned(size ? size : 1), size, model, &info.answer, &stream);
    if (status != EL_OK)
        return fail("stream", el_status_message(status));
    FILE *csv = fopen(argv[2], "r");
    if (csv == NULL)
        return fail(argv[2], "cannot be read");
    return stream_lines(csv, argv[2], &info, stream); /* the memory goes with the program */
}
