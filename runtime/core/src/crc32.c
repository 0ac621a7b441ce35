#include "model.h"

#define POLYNOMIAL 0xEDB88320u

/* Four bytes at a time. The tables live on the stack: building them costs about as much as checking
 * 4 KiB, and neither a lazily filled global nor 4 KiB of constants is needed. */
uint32_t el_crc32(const uint8_t *bytes, size_t size) {
    uint32_t table[4][256];
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t value = n;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ (POLYNOMIAL & (0u - (value & 1u)));
        table[0][n] = value;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 4; k++)
            table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 0xFFu];

    uint32_t crc = 0xFFFFFFFFu;
    for (; size >= 4; bytes += 4, size -= 4) {
        crc ^= (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
        crc = table[3][crc & 0xFFu] ^ table[2][(crc >> 8) & 0xFFu] ^ table[1][(crc >> 16) & 0xFFu] ^
              table[0][crc >> 24];
    }
    for (; size > 0; bytes++, size--)
        crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xFFu];
    return ~crc;
}
