/* What count_instructions.c writes with blocks=yes, of a program that runs on this machine itself.
 *
 *     single_step PROGRAM ARGUMENTS...
 *
 * Between its marks the program stops after every instruction: a million of them take seconds. For
 * instruction sets that no emulator here knows. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "x86-64 alone: other processors are emulated"
#endif

enum { SLOTS = 1 << 16 };
static struct {
    uint64_t address, executions;
} slots[SLOTS];

static void count(uint64_t address) {
    size_t slot = address * 0x9e3779b97f4a7c15u >> 48;
    for (size_t n = 0; slots[slot].address && slots[slot].address != address; n++) {
        if (n == SLOTS - 1) {
            fprintf(stderr, "single_step: more than %d different instructions\n", SLOTS);
            exit(1);
        }
        slot = (slot + 1) % SLOTS;
    }
    slots[slot].address = address;
    slots[slot].executions++;
}

static void need(long result) {
    if (result < 0) {
        perror("single_step");
        exit(1);
    }
}

static struct user_regs_struct registers_of(pid_t child) {
    struct user_regs_struct registers;
    need(ptrace(PTRACE_GETREGS, child, NULL, &registers));
    return registers;
}

static bool is_mark(const struct user_regs_struct *registers, unsigned number) {
    return registers->orig_rax == SYS_getpgid && registers->rdi == 0x5eed0000 + number;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: single_step PROGRAM ARGUMENTS...\n");
        return 2;
    }
    pid_t child = fork();
    need(child);
    if (child == 0) {
        need(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    int status;
    bool counting = false;
    for (need(waitpid(child, &status, 0)); WIFSTOPPED(status); need(waitpid(child, &status, 0))) {
        struct user_regs_struct registers = registers_of(child);
        if (counting && registers.rax == (uint64_t)-ESRCH && is_mark(&registers, 2))
            counting = false;
        else if (!counting && is_mark(&registers, 1))
            counting = true;
        if (counting)
            count(registers.rip);
        need(ptrace(counting ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, child, NULL, NULL));
    }
    uint64_t instructions = 0;
    for (size_t n = 0; n < SLOTS; n++)
        instructions += slots[n].executions;
    fprintf(stderr, "{\"instructions\": %llu, \"blocks\": [", (unsigned long long)instructions);
    for (size_t n = 0, written = 0; n < SLOTS; n++)
        if (slots[n].executions)
            fprintf(stderr, "%s[%llu, 1, %llu]", written++ ? ", " : "",
                    (unsigned long long)slots[n].address, (unsigned long long)slots[n].executions);
    fprintf(stderr, "]}\n");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
