/* Streaming asks nothing of the heap and nothing of the operating system, with any kernel set. Both
 * witnesses are first shown to see what they look for. */
#define _GNU_SOURCE
#include "allocations.h"
#include "check.h"
#include "tiny_model.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES 10000

static tiny_model tiny;
static _Alignas(EL_ALIGNMENT) unsigned char stream_memory[1 << 15];
static _Alignas(EL_ALIGNMENT) unsigned char pool_memory[6 << 14];
static float frames[FRAMES][TINY_FEATURES], answers[FRAMES][TINY_OUTPUTS];

static void check_the_counter(void) {
    unsigned long before = allocations();
    void *volatile memory = malloc(1);
    CHECK(allocations() == before + 1);
    memory = realloc(memory, 2);
    free(memory);
    CHECK(allocations() == before + 3);
    free(strdup("the C library's own allocations count too"));
    CHECK(allocations() == before + 5);
    void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && allocations() == before + 6);
    munmap(page, 1);
}

static int stream_pool(void) {
    static const uint8_t mask[6] = {1, 0, 1, 1, 1, 1};
    el_pool *pool;
    uint8_t answered[6];
    if (el_pool_size(tiny.model, NULL, 6) > sizeof pool_memory ||
        el_pool_init(pool_memory, sizeof pool_memory, tiny.model, NULL, 6, &pool) != EL_OK)
        return 0;
    for (unsigned n = 0; n + 6 <= FRAMES; n++)
        if (el_pool_push(pool, frames[n], n % 2 ? mask : NULL, answers[0], answered) != EL_OK)
            return 0;
    return 1;
}

/* Lives of streams, alone and in a pool; returns whether every call succeeded. */
static int stream_everything(void) {
    el_info info;
    el_stream *stream;
    static unsigned char saved[4096];
    size_t n;
    return el_model_info(tiny.model, &info) == EL_OK && info.stream_size <= sizeof stream_memory &&
           el_stream_init(stream_memory, info.stream_size, tiny.model, NULL, &stream) == EL_OK &&
           el_stream_push(stream, frames[0], FRAMES, answers[0], FRAMES, &n) == EL_OK &&
           el_stream_answer(stream, answers[0]) == EL_OK &&
           el_stream_save(stream, saved, info.snapshot_size) == EL_OK &&
           el_stream_reset(stream) == EL_OK &&
           el_stream_restore(stream, saved, info.snapshot_size) == EL_OK &&
           el_stream_push(stream, frames[0], 1, answers[0], 1, &n) == EL_OK && stream_pool();
}

/* A process that is killed at its first system call but read, write and exit. Returns how it ended:
 * 0 well, 1 a call failed, -1 killed, -2 this system cannot do it. */
static int end_without_system_calls(int misbehave) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
            syscall(SYS_exit, 2);
        if (misbehave)
            (void)getppid();
        syscall(SYS_exit, stream_everything() ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL ? -1 : 1;
    return WEXITSTATUS(status) == 2 ? -2 : WEXITSTATUS(status);
}

int main(void) {
    static const char *const sets[] = {"scalar",     "avx2", "avxvnni",
                                       "avx512vnni", "neon", "dotprod"};
    int ran = 0, can_confine = end_without_system_calls(1) == -1;
    check_the_counter();
    for (unsigned n = 0; n < FRAMES; n++)
        tiny_frame(n, frames[n]);
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        CHECK(setenv("EDGELSTM_KERNEL", sets[set], 1) == 0);
        for (el_precision precision = EL_FLOAT32; precision <= EL_BF16; precision++) {
            tiny_make(&tiny, precision, EL_MEAN, 4, 2);
            unsigned long before = allocations();
            el_status status = tiny_open_with(&tiny, EL_CHUNKS);
            if (status == EL_ERROR_KERNEL)
                continue;
            CHECK_STATUS(status, EL_OK);
            CHECK(stream_everything());
            CHECK(allocations() == before);
            if (can_confine)
                CHECK(end_without_system_calls(0) == 0);
            ran++;
        }
    }
    CHECK(ran >= 2);
    printf("%d kernel sets and precisions, system calls %s\n", ran,
           can_confine ? "forbidden" : "not checked: this system has no strict seccomp");
    return 0;
}
