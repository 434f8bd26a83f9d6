/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives out host physical addresses from the windows of the CEDT. */
#ifndef HPA_H
#define HPA_H

#include "cedt.h"

struct hpa_range {
	uint64_t base;
	uint64_t size;
};

struct hpa_pool {
	const struct cedt *cedt;
	uint64_t next[CEDT_MAX_WINDOWS];	/* lowest address not given out */
	bool tight;				/* waste no room on GiB boundaries */
};

struct hpa_request {
	uint32_t bridge;	/* UID */
	uint16_t needs;		/* CEDT_WINDOW_ bits that the window must allow */
	uint64_t size;		/* a multiple of CEDT_WINDOW_GRANULE */
	uint64_t above;		/* no address below this one */
};

void hpa_pool_init(struct hpa_pool *pool, const struct cedt *cedt);

/* @range is in use: nothing up to its end is given out from its window. */
void hpa_reserve(struct hpa_pool *pool, const struct hpa_range *range);

/*
 * Finds room in a window that leads to the one bridge. Memory of whole GiB is
 * put on a GiB boundary, so that it can be mapped in pages of that size,
 * unless only 256 MiB alignment finds room. Returns NULL and the range, or why
 * there is none.
 */
const char *hpa_take(struct hpa_pool *pool, const struct hpa_request *request,
		     struct hpa_range *range);

#endif
