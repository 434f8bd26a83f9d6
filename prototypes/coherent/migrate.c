// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving what a process has mapped. Only the calling process's own page tables are read, but
 * others that share a page after fork() see it moved as well.
 */
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "coherent.h"

/**
 * coherent_host_page_alloc - have a page to move one of the device's to
 *
 * Return: the page, locked, with one reference; NULL if there is none.
 */
struct page *coherent_host_page_alloc(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);

	if (page)
		lock_page(page);
	return page;
}

/**
 * coherent_copy - fill the page that takes another one's place
 * @from: what is in it; NULL: zeros
 * @to: the page, locked, of which the reference goes to the caller or is dropped; NULL: none
 *
 * Return: @to as migrate_vma wants it; 0 if there is none, or @from cannot be read (poison).
 */
unsigned long coherent_copy(struct page *from, struct page *to)
{
	if (!to)
		return 0;
	if (!from) {
		clear_highpage(to);
	} else if (copy_mc_highpage(to, from)) {
		unlock_page(to);
		put_page(to);
		return 0;
	}
	return migrate_pfn(page_to_pfn(to));
}

static unsigned long destination(struct coherent *coherent, unsigned long src, bool to_device)
{
	struct page *from = migrate_pfn_to_page(src);

	if (!(src & MIGRATE_PFN_MIGRATE))
		return 0;
	if (to_device)
		return coherent_copy(from, coherent_page_alloc(coherent));
	/* What was never touched is in no memory. */
	return from ? coherent_copy(from, coherent_host_page_alloc()) : 0;
}

static int migrate_batch(struct coherent *coherent, struct migrate_vma *args, bool to_device,
			 u64 *moved)
{
	unsigned long i;
	int ret;

	ret = migrate_vma_setup(args);
	if (ret)
		return ret;
	for (i = 0; i < args->npages; i++)
		args->dst[i] = destination(coherent, args->src[i], to_device);
	migrate_vma_pages(args);
	for (i = 0; i < args->npages; i++)
		if (args->dst[i] && args->src[i] & MIGRATE_PFN_MIGRATE)
			(*moved)++;
	migrate_vma_finalize(args);
	return 0;
}

static int migrate_vma_range(struct coherent *coherent, struct vm_area_struct *vma,
			     unsigned long start, unsigned long end, bool to_device,
			     unsigned long *arrays, u64 *moved)
{
	int ret;

	if (!vma_is_anonymous(vma))
		return -EINVAL;
	for (; start < end; start += COHERENT_BATCH * PAGE_SIZE) {
		struct migrate_vma args = {
			.vma = vma,
			.src = arrays,
			.dst = arrays + COHERENT_BATCH,
			.start = start,
			.end = min(start + COHERENT_BATCH * PAGE_SIZE, end),
			.pgmap_owner = coherent,
			.flags = to_device ? MIGRATE_VMA_SELECT_SYSTEM :
					     MIGRATE_VMA_SELECT_DEVICE_COHERENT,
		};

		if (fatal_signal_pending(current))
			return -EINTR;
		ret = migrate_batch(coherent, &args, to_device, moved);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

static int migrate_mm_range(struct coherent *coherent, unsigned long start, unsigned long end,
			    bool to_device, unsigned long *arrays, u64 *moved)
{
	struct mm_struct *mm = current->mm;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	while (start < end && !ret) {
		struct vm_area_struct *vma = vma_lookup(mm, start);
		unsigned long stop;

		if (!vma) {
			ret = -EFAULT;
			break;
		}
		stop = min(end, vma->vm_end);
		ret = migrate_vma_range(coherent, vma, start, stop, to_device, arrays, moved);
		start = stop;
	}
	mmap_read_unlock(mm);
	return ret;
}

/**
 * coherent_migrate - move a range of the calling process's memory
 * @coherent: the device
 * @range: what; the pages that were moved are counted even when an error is returned
 * @to_device: or back from it
 *
 * Return: 0, -EINVAL, -EFAULT, -ENOMEM, -ENODEV when the device is unbound, -EINTR when killed.
 */
int coherent_migrate(struct coherent *coherent, struct cxl_coherent_range *range, bool to_device)
{
	unsigned long *arrays;
	u64 end;
	int ret;

	range->moved = 0;
	if (!range->len || !PAGE_ALIGNED(range->addr) || !PAGE_ALIGNED(range->len) ||
	    check_add_overflow(range->addr, range->len, &end) || end > TASK_SIZE)
		return -EINVAL;

	arrays = kvcalloc(2 * COHERENT_BATCH, sizeof(*arrays), GFP_KERNEL_ACCOUNT);
	if (!arrays)
		return -ENOMEM;
	scoped_guard(rwsem_read, &coherent->lock)
		ret = coherent->gone ? -ENODEV :
		      migrate_mm_range(coherent, range->addr, end, to_device, arrays,
				       &range->moved);
	kvfree(arrays);
	return ret;
}
