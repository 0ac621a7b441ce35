/* Resident memory is the same after a million steps as before them: test_flat_memory [STEPS]. */
#include "check.h"
#include "tiny_model.h"

#include <unistd.h>

static tiny_model tiny;
static _Alignas(EL_ALIGNMENT) unsigned char memory[1 << 14];

/* Resident pages of this process. */
static long resident(void) {
    long total, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK(fscanf(file, "%ld %ld", &total, &pages) == 2);
    fclose(file);
    return pages;
}

static void push(el_stream *stream, long steps) {
    float frame[TINY_FEATURES], answer[TINY_OUTPUTS];
    for (long n = 0; n < steps; n++) {
        if (n % 16 == 0)
            tiny_frame((unsigned)(n % 1024), frame);
        CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
    }
}

int main(int argc, char **argv) {
    long steps = argc > 1 ? atol(argv[1]) : 1000000;
    for (el_precision precision = EL_FLOAT32; precision <= EL_INT8; precision++) {
        el_stream *stream;
        tiny_make(&tiny, precision, EL_MEAN, 4, 2);
        CHECK_STATUS(tiny_open(&tiny), EL_OK);
        CHECK_STATUS(el_stream_init(memory, sizeof memory, tiny.model, NULL, &stream), EL_OK);
        push(stream, 1000); /* what is loaded at first use is loaded now */
        (void)resident();
        long before = resident();
        push(stream, steps);
        long after = resident();
        printf("%s: %ld pages before, %ld after %ld steps\n", precision ? "int8" : "float32",
               before, after, steps);
        CHECK(after == before);
    }
    return 0;
}
