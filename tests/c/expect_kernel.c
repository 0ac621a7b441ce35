/* expect_kernel NAME: the kernel set chosen here is NAME, and a model opens and runs with it; or
 * NAME is "none", and opening is refused with a status. */
#include "check.h"
#include "tiny_model.h"

#include <string.h>

int main(int argc, char **argv) {
    static tiny_model tiny;
    static _Alignas(EL_ALIGNMENT) unsigned char memory[65536];
    CHECK(argc == 2);
    const char *name = el_kernel_name();
    if (strcmp(name, argv[1]) != 0) {
        fprintf(stderr, "the kernel set is %s, expected %s\n", name, argv[1]);
        return 1;
    }
    tiny_make(&tiny, EL_INT8, EL_LAST, 0, 1);
    if (strcmp(name, "none") == 0) {
        CHECK_STATUS(tiny_open(&tiny), EL_ERROR_KERNEL);
        return 0;
    }
    CHECK_STATUS(tiny_open(&tiny), EL_OK);
    el_stream *stream;
    float frame[TINY_FEATURES], answer[TINY_OUTPUTS];
    CHECK_STATUS(el_stream_init(memory, sizeof memory, tiny.model, NULL, &stream), EL_OK);
    tiny_frame(0, frame);
    CHECK_STATUS(el_stream_push(stream, frame, 1, answer, 1, NULL), EL_OK);
    return 0;
}
