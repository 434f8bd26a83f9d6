/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each operation has to do, by the CPU; random numbers to do it with.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Apply operation @op to private copies of the operands, of @len bytes each;
 * those that it does not have may be NULL. Returns the value, 0 if it has none.
 */
uint64_t reference(unsigned int op, const uint8_t *src, const uint8_t *src2, uint8_t *dst,
		   size_t len, uint64_t pattern);

/* The same sequence for the same state, on every machine. */
uint64_t random64(uint64_t *state);
void fill_random(uint8_t *buf, size_t len, uint64_t *state);
/* Numbers of either sign, whose products have to be rounded. */
void fill_floats(uint8_t *buf, size_t len, uint64_t *state);

#endif
