/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzer gives, taken piece by piece: little endian, zero when it is used up. */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint64_t take(struct input *input, unsigned int bytes)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < bytes && input->left; i++, input->left--)
		val |= (uint64_t)*input->data++ << 8 * i;
	return val;
}

/* A find: the fuzzer keeps the input, and says where. */
#define insist(condition, ...) do {						\
	if (!(condition)) {							\
		fprintf(stderr, __VA_ARGS__);					\
		fprintf(stderr, " (%s:%d: %s)\n", __FILE__, __LINE__, #condition); \
		__builtin_trap();						\
	}									\
} while (0)

#endif
