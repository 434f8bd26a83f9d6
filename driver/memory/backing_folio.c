// SPDX-License-Identifier: GPL-2.0-only
/*
 * The folio backing: struct pages, as those of device-dax. Whatever the memory manager does with
 * pages works, and the driver cannot undo it: a pin lasts until its holder releases it. Pages are
 * compound from the start, all of one size, and mapped as such only: the kernel frees what of a
 * compound page's memmap is the same for all of its pages (vmemmap_can_optimize()), so a single
 * page of it cannot be mapped.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/page-flags.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "memory/memory.h"

/* The memory's struct pages. */
struct cxl_vfio_pagemap {
	struct dev_pagemap pgmap;	/* what the memory manager has of them */
	unsigned long pinned;		/* where a pinned page was found last, from the first on */
	bool unpinned;			/* none had since all were found not to be pinned */
	struct cxl_vfio_mem *mem;	/* NULL when it has gone. Guarded by orphans_lock */
	struct list_head orphan;	/* in the list of those whose device has gone */
	struct file *file;		/* an orphan's, with the address space of its mappings */
};

#define ORPHANS_POLL	HZ

static DEFINE_MUTEX(orphans_lock);

static u64 folio_max_map(struct cxl_vfio_mem *mem)
{
	return PAGE_SIZE << mem->folio_order;
}

static unsigned int folio_max_order(struct cxl_vfio_mem *mem)
{
	return mem->folio_order;
}

static void folio_mmap(struct cxl_vfio_mem *mem, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_HUGEPAGE);
}

static vm_fault_t folio_insert(struct cxl_vfio_mem *mem, struct vm_fault *vmf,
			       unsigned long pfn, unsigned int order)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	if (order != mem->folio_order)
		return order ? VM_FAULT_FALLBACK : VM_FAULT_SIGBUS;
	if (READ_ONCE(mem->pagemap->unpinned))
		WRITE_ONCE(mem->pagemap->unpinned, false);

	/* For the reverse map: memory_failure() finds the processes by it. */
	WRITE_ONCE(folio->index, pfn - PHYS_PFN(mem->hpa.start));
	WRITE_ONCE(folio->mapping, mem->file->f_mapping);

	if (!order)
		return vmf_insert_page_mkwrite(vmf, page, write);
	if (order == PMD_ORDER)
		return vmf_insert_folio_pmd(vmf, folio, write);
	return vmf_insert_folio_pud(vmf, folio, write);
}

static bool is_pinned(struct cxl_vfio_pagemap *pagemap, unsigned long page)
{
	return folio_ref_count(pfn_folio(PHYS_PFN(pagemap->pgmap.range.start) + page)) != 1;
}

/*
 * Are there pinned pages of memory that is not mapped? One that had been pinned is looked at
 * first: a process that waits asks again and again. Without mappings none gets pinned again.
 */
static int find_pinned(struct cxl_vfio_pagemap *pagemap, bool killable)
{
	unsigned long page, pages = PHYS_PFN(range_len(&pagemap->pgmap.range));

	if (READ_ONCE(pagemap->unpinned))
		return 0;
	if (is_pinned(pagemap, READ_ONCE(pagemap->pinned)))
		return -EBUSY;
	for (page = 0; page < pages; page += 1ul << pagemap->pgmap.vmemmap_shift) {
		if (is_pinned(pagemap, page)) {
			WRITE_ONCE(pagemap->pinned, page);
			return -EBUSY;
		}
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	WRITE_ONCE(pagemap->unpinned, true);
	return 0;
}

static int folio_busy(struct cxl_vfio_mem *mem)
{
	return find_pinned(mem->pagemap, true);
}

static void pagemap_free(struct cxl_vfio_pagemap *pagemap)
{
	memunmap_pages(&pagemap->pgmap);
	kfree(pagemap);
}

/*
 * What is mapped is left to mf_generic_kill_procs(), as device-dax leaves it. That
 * fails where a folio never was.
 */
static int folio_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
				unsigned long nr_pages, int flags)
{
	struct cxl_vfio_pagemap *pagemap = container_of(pgmap, struct cxl_vfio_pagemap, pgmap);

	guard(mutex)(&orphans_lock);
	if (pagemap->mem)
		cxl_vfio_poison_record(pagemap->mem, pfn);
	return READ_ONCE(pfn_folio(pfn)->mapping) ? -EOPNOTSUPP : 0;
}

static const struct dev_pagemap_ops folio_pagemap_ops = {
	.memory_failure = folio_memory_failure,
};

static int folio_attach(struct cxl_vfio_mem *mem)
{
	const struct range *hpa = &mem->hpa;
	int ret;

	/* Without, leaves are for whoever has transparent huge pages, if at all. */
	if (!IS_ENABLED(CONFIG_FS_DAX))
		return -EOPNOTSUPP;
	if (!IS_ALIGNED(hpa->start | range_len(hpa), folio_max_map(mem)))
		return -EINVAL;

	struct cxl_vfio_pagemap *pagemap __free(kfree) = kzalloc_obj(*pagemap);

	if (!pagemap)
		return -ENOMEM;
	pagemap->mem = mem;
	pagemap->pgmap.ops = &folio_pagemap_ops;
	/* Reserved ones, which type 1 would pin, it takes for none when it unmaps (put_pfn()). */
	ret = cxl_vfio_pages_make(mem, &pagemap->pgmap, mem->folio_order, false);
	if (ret)
		return ret;
	ret = cxl_vfio_map_wb(mem);
	if (ret) {
		memunmap_pages(&pagemap->pgmap);
		return ret;
	}
	mem->pagemap = no_free_ptr(pagemap);
	return 0;
}

static int folio_detach(struct cxl_vfio_mem *mem)
{
	if (find_pinned(mem->pagemap, false))
		return -EBUSY;
	memunmap(mem->kaddr);
	pagemap_free(mem->pagemap);
	mem->pagemap = NULL;
	return 0;
}

/* Memory whose device has gone and whose pages somebody still has. */
static LIST_HEAD(orphans);

static void free_orphans(struct work_struct *work);
static DECLARE_DELAYED_WORK(orphans_work, free_orphans);

static void free_orphans(struct work_struct *work)
{
	struct cxl_vfio_pagemap *pagemap, *next;
	LIST_HEAD(mine);

	/* Not under the lock: memory_failure() waits for it, and pagemap_free() for that. */
	scoped_guard(mutex, &orphans_lock)
		list_splice_init(&orphans, &mine);
	list_for_each_entry_safe(pagemap, next, &mine, orphan) {
		struct range range = pagemap->pgmap.range;
		struct file *file = pagemap->file;

		if (find_pinned(pagemap, false))
			continue;
		list_del(&pagemap->orphan);
		pagemap_free(pagemap);
		fput(file);
		release_mem_region(range.start, range_len(&range));
		pr_info("cxl-vfio-pci: memory %pra is free: the last of its pages was let go of\n",
			&range);
		module_put(THIS_MODULE);
	}
	scoped_guard(mutex, &orphans_lock) {
		list_splice(&mine, &orphans);
		if (!list_empty(&orphans))
			queue_delayed_work(system_dfl_wq, &orphans_work, ORPHANS_POLL);
	}
}

/* The struct pages stay, and the claim on the HPA range, and the module (docs/ram-or-mmio.md). */
static void folio_abandon(struct cxl_vfio_mem *mem)
{
	memunmap(mem->kaddr);
	mem->claim->res->name = "cxl-vfio-pci (pinned)";
	mem->claim->res = NULL;
	mem->pagemap->file = mem->file;
	mem->file = NULL;
	__module_get(THIS_MODULE);
	scoped_guard(mutex, &orphans_lock) {
		mem->pagemap->mem = NULL;
		list_add_tail(&mem->pagemap->orphan, &orphans);
	}
	mem->pagemap = NULL;
	queue_delayed_work(system_dfl_wq, &orphans_work, ORPHANS_POLL);
}

/* The module goes, and had no orphans left. */
void cxl_vfio_folio_exit(void)
{
	cancel_delayed_work_sync(&orphans_work);
}

const struct cxl_vfio_backing cxl_vfio_backing_folio = {
	.name = "folio",
	.id = VFIO_CXL_BACKING_FOLIO,
	.pages = true,
	.pinnable = true,
	.attach = folio_attach,
	.detach = folio_detach,
	.busy = folio_busy,
	.abandon = folio_abandon,
	.page_order = folio_max_order,
	.max_map = folio_max_map,
	.max_order = folio_max_order,
	.mmap = folio_mmap,
	.insert = folio_insert,
};
