/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A search for the host's address of the memory in what a user can read. The
 * memory's own content is the user's, and not searched.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio.h"

/* The host addresses, bytes: what QEMU says of the physical decoder. */
struct search {
	uint64_t base;
	uint64_t end;
};

void search_init(struct search *search);
/*
 * Whether it is in @words, as a number, or as a pair of registers, which have
 * low and high in this order (HDM decoders) or in the other (DVSEC ranges).
 * False positives: a pair is only taken for an address if both halves match,
 * and of the low one the bits that an address register has; both halves of
 * the address must be nonzero.
 */
bool search_words(const struct search *search, const uint32_t *words, size_t count, size_t *where);
/* All that the device's file gives to its user, @when something was done. Fails the test. */
void search_device(const struct search *search, struct vfio *vfio, const char *when);

#endif
