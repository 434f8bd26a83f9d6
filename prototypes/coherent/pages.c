// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory's pages: who has them, and how they are got back from whoever that is.
 *
 * Pages of 4 KiB only. The kernel of 7.3 moves folios of 2 MiB to coherent memory as well, but
 * takes care of private memory alone when such a folio is split (lru_add_split_folio()), partly
 * unmapped (__folio_remove_rmap()) or pinned (migrate_device_coherent_folio()).
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "coherent.h"

#define RETRY_MS	10

static struct coherent *to_coherent(struct dev_pagemap *pgmap)
{
	return container_of(pgmap, struct coherent, pgmap);
}

static unsigned long first_pfn(const struct coherent *coherent)
{
	return PHYS_PFN(coherent->hpa.start);
}

/* Its last user has let go of a page; any context. */
static void pages_folio_free(struct folio *folio)
{
	struct coherent *coherent = to_coherent(folio->pgmap);
	unsigned long page = folio_pfn(folio) - first_pfn(coherent);

	guard(spinlock_irqsave)(&coherent->pages_lock);
	coherent->nr_used--;
	if (test_bit(page, coherent->bad))
		coherent->nr_lost++;
	else
		__clear_bit(page, coherent->taken);
}

/*
 * The kernel's own way, mf_generic_kill_procs(), takes the mapping of an anonymous page for a
 * file's (dax_lock_folio()), and so must not be left to it. Who uses the page cannot be told:
 * nothing that finds them is exported. An error has the kernel kill who consumed the poison.
 */
static int pages_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
				unsigned long nr_pages, int flags)
{
	struct coherent *coherent = to_coherent(pgmap);
	unsigned long page = pfn - first_pfn(coherent), end = page + nr_pages;
	int ret = 0;

	guard(spinlock_irqsave)(&coherent->pages_lock);
	for (; page < end; page++) {
		bool known = __test_and_set_bit(page, coherent->bad);

		if (!known)
			coherent->nr_bad++;
		if (!__test_and_set_bit(page, coherent->taken))
			coherent->nr_lost++;
		else if (!known)
			ret = -EBUSY;
	}
	return ret;
}

static const struct dev_pagemap_ops pages_ops = {
	.folio_free = pages_folio_free,
	.memory_failure = pages_memory_failure,
};

/* Give out a page's number. */
static bool take(struct coherent *coherent, unsigned long *page)
{
	guard(spinlock_irqsave)(&coherent->pages_lock);
	*page = find_next_zero_bit(coherent->taken, coherent->nr_pages, coherent->next);
	if (*page >= coherent->nr_pages)
		*page = find_first_zero_bit(coherent->taken, coherent->nr_pages);
	if (*page >= coherent->nr_pages)
		return false;
	__set_bit(*page, coherent->taken);
	coherent->nr_used++;
	coherent->next = *page + 1;
	return true;
}

/**
 * coherent_page_alloc - have a page of the device's
 * @coherent: the device; the caller holds its lock, and has seen that it is not gone
 *
 * Return: the page, locked, with one reference; NULL if there is none.
 */
struct page *coherent_page_alloc(struct coherent *coherent)
{
	struct page *page;
	unsigned long n;

	if (!take(coherent, &n))
		return NULL;
	page = pfn_to_page(first_pfn(coherent) + n);
	zone_device_page_init(page, &coherent->pgmap, 0);
	return page;
}

/**
 * coherent_pages_info - count the pages
 * @coherent: the device
 * @info: out
 */
void coherent_pages_info(struct coherent *coherent, struct cxl_coherent_info *info)
{
	guard(spinlock_irqsave)(&coherent->pages_lock);
	*info = (struct cxl_coherent_info) {
		.base = coherent->hpa.start,
		.size = range_len(&coherent->hpa),
		.free_pages = coherent->nr_pages - coherent->nr_used - coherent->nr_lost,
		.bad_pages = coherent->nr_bad,
	};
}

/* Move what is used of some pages to the host. Those without a copy stay. */
static void evict(unsigned long pfn, unsigned long *src, unsigned long *dst, unsigned long nr)
{
	unsigned long i;

	migrate_device_range(src, pfn, nr);
	memset(dst, 0, nr * sizeof(*dst));
	for (i = 0; i < nr; i++) {
		struct page *from = migrate_pfn_to_page(src[i]);

		if (from)
			dst[i] = coherent_copy(from, coherent_host_page_alloc());
	}
	migrate_device_pages(src, dst, nr);
	migrate_device_finalize(src, dst, nr);
}

static bool any_used(struct coherent *coherent)
{
	guard(spinlock_irqsave)(&coherent->pages_lock);
	return coherent->nr_used;
}

/*
 * Until all pages are back. Nobody can have pinned one for long (folio_is_longterm_pinnable());
 * for what is in a pipe, or failed and mapped, its user is waited for.
 */
static void evict_all(struct coherent *coherent, unsigned long *src, unsigned long *dst)
{
	unsigned long page;

	for (;;) {
		for (page = 0; page < coherent->nr_pages; page += COHERENT_BATCH) {
			unsigned long end = min(page + COHERENT_BATCH, coherent->nr_pages);

			if (find_next_bit(coherent->taken, end, page) < end)
				evict(first_pfn(coherent) + page, src, dst, end - page);
			cond_resched();
		}
		if (!any_used(coherent))
			return;
		msleep(RETRY_MS);
	}
}

static void free_maps(struct coherent *coherent)
{
	kvfree(coherent->taken);
	kvfree(coherent->bad);
}

/**
 * coherent_pages_init - give the memory struct pages
 * @coherent: the device, its range known
 * @dev: for messages, and its node
 *
 * Undone by coherent_pages_exit(). Return: 0, or an error that was logged.
 */
int coherent_pages_init(struct coherent *coherent, struct device *dev)
{
	size_t longs;
	void *ret;

	coherent->nr_pages = PHYS_PFN(range_len(&coherent->hpa));
	longs = BITS_TO_LONGS(coherent->nr_pages);
	coherent->taken = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	coherent->bad = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	if (!coherent->taken || !coherent->bad) {
		free_maps(coherent);
		return -ENOMEM;
	}

	coherent->pgmap.type = MEMORY_DEVICE_COHERENT;
	coherent->pgmap.ops = &pages_ops;
	coherent->pgmap.owner = coherent;
	coherent->pgmap.nr_range = 1;
	coherent->pgmap.range = coherent->hpa;
	ret = memremap_pages(&coherent->pgmap, dev_to_node(dev));
	if (IS_ERR(ret)) {
		free_maps(coherent);
		return dev_err_probe(dev, PTR_ERR(ret), "no struct pages for memory %pra\n",
				     &coherent->hpa);
	}
	return 0;
}

/**
 * coherent_pages_exit - undo coherent_pages_init()
 * @coherent: the device; nobody gets a page any more
 *
 * What is in the pages is moved to the host first, which may have to wait.
 */
void coherent_pages_exit(struct coherent *coherent)
{
	unsigned long *arrays = kvcalloc(2 * COHERENT_BATCH, sizeof(*arrays),
					 GFP_KERNEL | __GFP_NOFAIL);

	evict_all(coherent, arrays, arrays + COHERENT_BATCH);
	kvfree(arrays);
	memunmap_pages(&coherent->pgmap);
	free_maps(coherent);
}
