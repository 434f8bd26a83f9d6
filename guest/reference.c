// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "cxl_accel_regs.h"
#include "reference.h"

#define POLYNOMIAL	0x82f63b78u	/* 0x1edc6f41, reflected */

/* xorshift64*; the state must not be 0. */
uint64_t random64(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

void fill_random(uint8_t *buf, size_t len, uint64_t *state)
{
	uint64_t value;
	size_t i;

	for (i = 0; i + sizeof(value) <= len; i += sizeof(value)) {
		value = random64(state);
		memcpy(buf + i, &value, sizeof(value));
	}
	value = random64(state);
	memcpy(buf + i, &value, len - i);
}

void fill_floats(uint8_t *buf, size_t len, uint64_t *state)
{
	float value;
	size_t i;

	for (i = 0; i < len; i += sizeof(value)) {
		value = (int32_t)(random64(state) >> 32) / 65537.0f;
		memcpy(buf + i, &value, sizeof(value));
	}
}

/* table[n][b]: what byte b does to the CRC n bytes later. */
static uint32_t table[8][256];

static void make_table(void)
{
	unsigned int n, b, bit;
	uint32_t crc;

	for (b = 0; b < 256; b++) {
		crc = b;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][b] = crc;
	}
	for (n = 1; n < 8; n++)
		for (b = 0; b < 256; b++)
			table[n][b] = table[n - 1][b] >> 8 ^ table[0][table[n - 1][b] & 0xff];
}

static uint32_t crc32c(const uint8_t *buf, size_t len)
{
	uint32_t crc = ~0u;
	uint64_t word;
	unsigned int n;

	if (!table[0][1])
		make_table();
	for (; len >= sizeof(word); len -= sizeof(word), buf += sizeof(word)) {
		memcpy(&word, buf, sizeof(word));
		word ^= crc;
		for (crc = 0, n = 0; n < 8; n++)
			crc ^= table[7 - n][word >> 8 * n & 0xff];
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *buf++) & 0xff];
	return ~crc;
}

static void fill(uint8_t *dst, size_t len, uint64_t pattern)
{
	size_t i;

	for (i = 0; i < len; i++)
		dst[i] = pattern >> i % 8 * 8;
}

static void xor(const uint8_t *src, const uint8_t *src2, uint8_t *dst, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		dst[i] = src[i] ^ src2[i];
}

static void muladd(const uint8_t *src, const uint8_t *src2, uint8_t *dst, size_t len)
{
	float a, b, c;
	size_t i;

	for (i = 0; i < len; i += sizeof(float)) {
		memcpy(&a, src + i, sizeof(a));
		memcpy(&b, src2 + i, sizeof(b));
		memcpy(&c, dst + i, sizeof(c));
		a *= b;
		c += a;
		memcpy(dst + i, &c, sizeof(c));
	}
}

uint64_t reference(unsigned int op, const uint8_t *src, const uint8_t *src2, uint8_t *dst,
		   size_t len, uint64_t pattern)
{
	switch (op) {
	case CXL_ACCEL_OP_COPY:
		memcpy(dst, src, len);
		break;
	case CXL_ACCEL_OP_FILL:
		fill(dst, len, pattern);
		break;
	case CXL_ACCEL_OP_XOR:
		xor(src, src2, dst, len);
		break;
	case CXL_ACCEL_OP_CRC32C:
		return crc32c(src, len);
	case CXL_ACCEL_OP_MULADD:
		muladd(src, src2, dst, len);
		break;
	}
	return 0;
}
