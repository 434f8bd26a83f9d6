// SPDX-License-Identifier: GPL-2.0-or-later
#include "hpa.h"

#define GIB	0x40000000ull

void hpa_pool_init(struct hpa_pool *pool, const struct cedt *cedt)
{
	pool->cedt = cedt;
	pool->tight = false;
	for (unsigned int i = 0; i < cedt->windows; i++)
		pool->next[i] = cedt->window[i].base;
}

void hpa_reserve(struct hpa_pool *pool, const struct hpa_range *range)
{
	uint64_t end = range->base + range->size;

	if (end < range->base)
		end = UINT64_MAX;
	for (unsigned int i = 0; i < pool->cedt->windows; i++) {
		const struct cedt_window *window = &pool->cedt->window[i];

		if (range->base < window->base + window->size &&
		    end > pool->next[i])
			pool->next[i] = end;
	}
}

static bool leads_to(const struct cedt_window *window, uint32_t bridge)
{
	return window->targets == 1 && window->target[0] == bridge;
}

static bool allows(const struct cedt_window *window, uint16_t needs)
{
	return (window->restrictions & needs) == needs;
}

static bool fits(const struct cedt_window *window, uint64_t base, uint64_t size)
{
	return base >= window->base && base - window->base < window->size &&
	       window->size - (base - window->base) >= size;
}

static bool take_aligned(struct hpa_pool *pool, const struct hpa_request *request,
			 uint64_t align, struct hpa_range *range)
{
	for (unsigned int i = 0; i < pool->cedt->windows; i++) {
		const struct cedt_window *window = &pool->cedt->window[i];
		uint64_t base = pool->next[i];

		if (base < request->above)
			base = request->above;
		base += -base & (align - 1);
		if (base < pool->next[i] ||
		    !leads_to(window, request->bridge) ||
		    !allows(window, request->needs) ||
		    !fits(window, base, request->size))
			continue;

		*range = (struct hpa_range){ base, request->size };
		pool->next[i] = base + request->size;
		return true;
	}
	return false;
}

static const char *why_not(const struct hpa_pool *pool,
			   const struct hpa_request *request)
{
	const char *why = "no window leads to this host bridge alone";

	for (unsigned int i = 0; i < pool->cedt->windows; i++) {
		const struct cedt_window *window = &pool->cedt->window[i];

		if (!leads_to(window, request->bridge))
			continue;
		if (allows(window, request->needs))
			return "not enough room left in the windows of this host bridge";
		why = "the windows of this host bridge do not allow this type of memory";
	}
	return why;
}

const char *hpa_take(struct hpa_pool *pool, const struct hpa_request *request,
		     struct hpa_range *range)
{
	if (!pool->tight && request->size % GIB == 0 &&
	    take_aligned(pool, request, GIB, range))
		return NULL;
	if (take_aligned(pool, request, CEDT_WINDOW_GRANULE, range))
		return NULL;
	return why_not(pool, request);
}
