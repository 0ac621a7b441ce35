/* A plugin for QEMU's user mode: what a guest executes between two marks.
 *
 * The guest marks a stretch by the system calls getpgid(0x5eed0001) and getpgid(0x5eed0002); for
 * each, one line of JSON is written: instructions, multiply-accumulates of the vector instructions
 * that products are made of and, with blocks=yes, each piece of code as [address, instructions,
 * executions].
 *
 *   cc -O2 -fPIC -shared -o count_instructions.so count_instructions.c
 *   qemu-aarch64 -plugin ./count_instructions.so,out=counts.jsonl program
 *
 * Debian ships no header for plugins: what is used of version 1 of their interface (QEMU 4.2
 * to 8.x) is declared here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef struct {
    const char *target_name; /* more follows */
} plugin_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD = 0 };
typedef void on_block(plugin_id, struct qemu_plugin_tb *);
typedef void on_call(plugin_id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                     uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_block *);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_call *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation,
                                                     void *counter, uint64_t n);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int operation,
                                                       void *counter, uint64_t n);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

enum { INSTRUCTIONS, INT8_MACS, FLOAT32_MACS, COUNTERS };
static const char *const names[COUNTERS] = {"instructions", "int8_macs", "float32_macs"};
static uint64_t counters[COUNTERS], at_start[COUNTERS];
static FILE *out;
static bool is_arm; /* 32 bits */

enum { MOST_BLOCKS = 1 << 18 };
static struct {
    uint64_t address, length, executions, at_start;
} blocks[MOST_BLOCKS];
static size_t n_blocks;
static bool with_blocks;

/* Instructions that multiply and accumulate: those whose bits under the mask have the value. */
typedef struct {
    uint32_t mask, value;
    int counter;
    unsigned macs;
} pattern;

static const pattern aarch64[] = {
    {0xffe0fc00, 0x4e809400, INT8_MACS, 16},   /* sdot v.4s, v.16b, v.16b */
    {0xffe0fc00, 0x0e809400, INT8_MACS, 8},    /* sdot v.2s, v.8b, v.8b */
    {0xffc0f400, 0x4f80e000, INT8_MACS, 16},   /* sdot v.4s, v.16b, v.4b[n] */
    {0xffc0f400, 0x0f80e000, INT8_MACS, 8},    /* sdot v.2s, v.8b, v.4b[n] */
    {0xbfe0fc00, 0x0e20c000, INT8_MACS, 8},    /* smull, smull2 v.8h */
    {0xbfe0fc00, 0x0e208000, INT8_MACS, 8},    /* smlal, smlal2 v.8h */
    {0xffe0fc00, 0x4e20cc00, FLOAT32_MACS, 4}, /* fmla v.4s, v.4s, v.4s */
    {0xffe0fc00, 0x0e20cc00, FLOAT32_MACS, 2}, /* fmla v.2s, v.2s, v.2s */
    {0xffc0f400, 0x4f801000, FLOAT32_MACS, 4}, /* fmla v.4s, v.4s, v.s[n] */
    {0xffc0f400, 0x0f801000, FLOAT32_MACS, 2}, /* fmla v.2s, v.2s, v.s[n] */
};
static const pattern arm[] = {
    {0xffb00f50, 0xf2800c00, INT8_MACS, 8},    /* vmull.s8 */
    {0xffb00f50, 0xf2800800, INT8_MACS, 8},    /* vmlal.s8 */
    {0xffb00f50, 0xf2000d50, FLOAT32_MACS, 4}, /* vmla.f32 q, q, q */
    {0xffb00f50, 0xf2000d10, FLOAT32_MACS, 2}, /* vmla.f32 d, d, d */
    {0xffb00f50, 0xf3a00140, FLOAT32_MACS, 4}, /* vmla.f32 q, q, d[n] */
    {0xffb00f50, 0xf2a00140, FLOAT32_MACS, 2}, /* vmla.f32 d, d, d[n] */
    {0x0ff000f0, 0x01000080, INT8_MACS, 1},    /* smlabb, of the scalar kernels */
    {0x0ff0f0f0, 0x01600080, INT8_MACS, 1},    /* smulbb */
    {0x0fb00f50, 0x0e000a00, FLOAT32_MACS, 1}, /* vmla.f32 s, s, s */
};

static void count_macs(struct qemu_plugin_insn *instruction, uint32_t code, const pattern *patterns,
                       size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((code & patterns[i].mask) == patterns[i].value)
            qemu_plugin_register_vcpu_insn_exec_inline(
                instruction, INLINE_ADD, &counters[patterns[i].counter], patterns[i].macs);
}

/* Thumb has NEON's instructions with their halves the other way round and 111u 1111 for 1111 001u.
 */
static uint32_t from_thumb(uint32_t code) {
    code = code << 16 | code >> 16;
    if ((code & 0xef000000) != 0xef000000)
        return 0;
    return (code & 0x00ffffff) | 0xf2000000 | (code & 0x10000000) >> 4;
}

static void translate(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &counters[INSTRUCTIONS], n);
    if (with_blocks && n_blocks < MOST_BLOCKS) {
        blocks[n_blocks].address = qemu_plugin_tb_vaddr(block);
        blocks[n_blocks].length = n;
        qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &blocks[n_blocks++].executions,
                                                 1);
    }
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        uint32_t code;
        if (qemu_plugin_insn_size(instruction) != sizeof code)
            continue;
        memcpy(&code, qemu_plugin_insn_data(instruction), sizeof code);
        if (is_arm) {
            count_macs(instruction, code, arm, sizeof arm / sizeof *arm);
            count_macs(instruction, from_thumb(code), arm, sizeof arm / sizeof *arm);
        } else {
            count_macs(instruction, code, aarch64, sizeof aarch64 / sizeof *aarch64);
        }
    }
}

static void call(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                 uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != (is_arm ? 132 : 155)) /* getpgid */
        return;
    if (a1 == 0x5eed0001) {
        memcpy(at_start, counters, sizeof counters);
        for (size_t i = 0; i < n_blocks; i++)
            blocks[i].at_start = blocks[i].executions;
    }
    if (a1 != 0x5eed0002)
        return;
    for (int i = 0; i < COUNTERS; i++)
        fprintf(out, "%s\"%s\": %llu", i ? ", " : "{", names[i],
                (unsigned long long)(counters[i] - at_start[i]));
    for (size_t i = 0, written = 0; i < n_blocks; i++)
        if (blocks[i].executions != blocks[i].at_start)
            fprintf(out, "%s[%llu, %llu, %llu]", written++ ? ", " : ", \"blocks\": [",
                    (unsigned long long)blocks[i].address, (unsigned long long)blocks[i].length,
                    (unsigned long long)(blocks[i].executions - blocks[i].at_start));
    fprintf(out, with_blocks ? "]}\n" : "}\n");
    fflush(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const plugin_info *info, int argc, char **argv) {
    out = stderr;
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "blocks=yes"))
            with_blocks = true;
        else if (strncmp(argv[i], "out=", 4) || !(out = fopen(argv[i] + 4, "w"))) {
            fprintf(stderr,
                    "count_instructions: %s: expected blocks=yes or out=FILE, which can be "
                    "written\n",
                    argv[i]);
            return 1;
        }
    }
    is_arm = strcmp(info->target_name, "arm") == 0;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_vcpu_syscall_cb(id, call);
    return 0;
}
