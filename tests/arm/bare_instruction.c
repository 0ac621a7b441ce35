/* Runs one instruction and nothing of ours: where the emulated processor lacks it, this dies by
 * SIGILL. That shows that our kernels stay away from instructions that really are missing. */
int main(void) {
#if defined(__aarch64__)
    __asm__ volatile(".inst 0x4e809400" ::: "v0"); /* sdot v0.4s, v0.16b, v0.16b */
#elif defined(FUSED)
    __asm__ volatile(".inst 0xeea00a00" ::: "memory"); /* vfma.f32 s0, s0, s0 */
#else
    __asm__ volatile(".inst 0xf2200840" ::: "memory"); /* vadd.i32 q0, q0, q0 */
#endif
    return 0;
}
