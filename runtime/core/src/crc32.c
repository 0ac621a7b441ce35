#include "model.h"

#define POLYNOMIAL 0xEDB88320u

/* Bytes at a time, with a table of 1 KiB for each: on a board without an operating system the stack
 * is short. */
#if __STDC_HOSTED__
#define TOGETHER 8
#else
#define TOGETHER 4
#endif

/* The tables live on the stack: building them costs about as much as checking 8 KiB, and neither a
 * lazily filled global nor 8 KiB of constants is needed. */
uint32_t el_crc32(const uint8_t *bytes, size_t size) {
    uint32_t table[TOGETHER][256];
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t value = n;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ (POLYNOMIAL & (0u - (value & 1u)));
        table[0][n] = value;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < TOGETHER; k++)
            table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 0xFFu];

    uint32_t crc = 0xFFFFFFFFu;
    for (; size >= TOGETHER; bytes += TOGETHER, size -= TOGETHER) {
        uint32_t next = 0;
        for (int n = 0; n < TOGETHER; n++) {
            uint32_t byte = n < 4 ? (crc >> (8 * n) ^ bytes[n]) & 0xFFu : bytes[n];
            next ^= table[TOGETHER - 1 - n][byte];
        }
        crc = next;
    }
    for (; size > 0; bytes++, size--)
        crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xFFu];
    return ~crc;
}
