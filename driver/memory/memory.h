/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device's memory, at its host physical addresses: the claim on them, how they are
 * mapped, when they may be touched, and errors in them.
 */
#ifndef CXL_VFIO_MEMORY_H
#define CXL_VFIO_MEMORY_H

#include <linux/cpufeature.h>
#include <linux/list.h>
#include <linux/memory-failure.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/range.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>
#include <linux/xarray.h>

#include "hw/hw.h"
#include "vfio_cxl.h"

struct cxl_vfio_mem;

/* May VFIO's type 1 take page frames that it cannot pin? cxl_vfio_mem.type1_dma. */
enum {
	CXL_VFIO_TYPE1_ALLOW,
	CXL_VFIO_TYPE1_REFUSE,
};

/* A claim on an HPA range. */
struct cxl_vfio_claim {
	struct list_head list;		/* of all of them */
	struct range hpa;
	struct resource *res;		/* in /proc/iomem; NULL: orphaned pages have it */
	struct cxl_vfio_mem *mem;	/* of a bound device; NULL without one */
	bool kept;			/* its device was unbound */
	/* Type 1 may have page frames of it: the kernel tells no driver, and takes none back. */
	bool type1;
};

/* One way to map the memory. */
struct cxl_vfio_backing {
	const char *name;	/* for administrators */
	u32 id;			/* VFIO_CXL_BACKING_* */
	bool pages;		/* the memory has struct pages */
	bool pinnable;		/* which can be referenced, and none of which can be mapped alone */
	bool uncached;		/* it is mapped uncached, not write-back */
	/*
	 * Map all of the memory for the kernel, and set cxl_vfio_mem.kaddr; may take seconds.
	 * Return: 0, or an error.
	 */
	int (*attach)(struct cxl_vfio_mem *mem);
	/*
	 * Undo it, as often as the device sleeps, if it has no pages. Return: 0; -EBUSY while a
	 * process has pages.
	 */
	int (*detach)(struct cxl_vfio_mem *mem);
	/*
	 * Are there pinned pages of memory that is not mapped? NULL: never. Return: 0; -EBUSY;
	 * -EINTR when the process was killed.
	 */
	int (*busy)(struct cxl_vfio_mem *mem);
	/* Orphan the pages, some of which are pinned. */
	void (*abandon)(struct cxl_vfio_mem *mem);
	/* Of memory that may be touched; each NULL: it is mapped write-back. -EIO at poison. */
	int (*read)(struct cxl_vfio_mem *mem, u64 pos, void *buf, size_t count);
	void (*write)(struct cxl_vfio_mem *mem, u64 pos, const void *buf, size_t count);
	void (*clear)(struct cxl_vfio_mem *mem, u64 pos, size_t count);	/* whole pages */
	/* log2 of the pages of a compound page, with @pages. */
	unsigned int (*page_order)(struct cxl_vfio_mem *mem);
	/* The largest piece that a fault maps, bytes; and the largest leaf, log2 of its pages. */
	u64 (*max_map)(struct cxl_vfio_mem *mem);
	unsigned int (*max_order)(struct cxl_vfio_mem *mem);
	/* Make a checked VMA one of this backing. type1_dma stays while the device is open. */
	void (*mmap)(struct cxl_vfio_mem *mem, struct vm_area_struct *vma);
	/*
	 * Answer a fault; memory_lock and mem.lock are held, the memory may be touched, and page
	 * frame and address are aligned to the order.
	 */
	vm_fault_t (*insert)(struct cxl_vfio_mem *mem, struct vm_fault *vmf,
			     unsigned long pfn, unsigned int order);
};

/* Errors in the memory. */
struct cxl_vfio_poison {
	struct pfn_address_space space;	/* where it is mapped, unless it has struct pages */
	struct xarray pages;		/* those with errors, by their number in the memory */
};

/* What is in the memory. */
struct cxl_vfio_content {
	atomic64_t left;	/* bytes that are not known to be clear */
	bool nobodys;		/* it was clear, and is @left as the device may have lost that */
};

/* The device's memory. */
struct cxl_vfio_mem {
	struct vfio_pci_core_device *core;	/* for its memory_lock and its memory enable */
	struct cxl_vfio_hw *hw;
	struct range hpa;			/* the committed CXL region */
	u64 capacity;				/* bytes that the device has, decoded or not */
	struct cxl_vfio_claim *claim;		/* on it, in /proc/iomem */
	/*
	 * Guards the fields from here to @uncached. They change only while the device is not
	 * @in_use: its users need no lock. Outside of all locks but VFIO's own.
	 */
	struct mutex backing_lock;		/* see above */
	bool in_use;				/* the device is open */
	unsigned int type1_dma;			/* CXL_VFIO_TYPE1_* */
	const struct cxl_vfio_backing *backing;	/* NULL where an attempt to change it failed */
	unsigned int folio_order;		/* log2 of a folio's pages */
	struct file *file;			/* has the address space of all mappings */
	struct cxl_vfio_pagemap *pagemap;	/* the folio backing's */
	struct dev_pagemap memmap;		/* the memmap backing's */
	/* All of it, for the kernel; NULL while the device sleeps, and until needed after that. */
	void *kaddr;
	bool uncached;		/* @kaddr and users' entries are, whatever the backing promises */
	struct cxl_vfio_poison poison;
	struct cxl_vfio_content content;
	bool touched;		/* mapped or written since the CPU caches were flushed */
	bool exported;		/* other devices may write it, by a dma-buf of this session */
	unsigned long next_flush; /* jiffies before which no user causes another flush */
	u32 region_index;	/* VFIO's; valid while open; guarded by @lock */
	/*
	 * Guards @reasons of the device. Taken for read around every access, so with it taken for
	 * write none is under way. Nests inside memory_lock.
	 */
	struct rw_semaphore lock;
	/*
	 * Jiffies at which the device said yes, with no reason against it since; 0: never. Cleared
	 * under @lock for write.
	 */
	unsigned long accessible_at;
};

/* Bytes of the memory that can only be mapped as a whole. */
static inline unsigned long cxl_vfio_granule(const struct cxl_vfio_mem *mem)
{
	return PAGE_SIZE << (mem->backing->pinnable ? mem->folio_order : 0);
}

/* Is this address of the kernel's mapped for writing? Other architectures do not tell modules. */
static inline bool cxl_vfio_is_writable(const void *address)
{
#ifdef CONFIG_X86
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)address, &level);

	return pte && pte_write(*pte);
#else
	return true;
#endif
}

/* access.c */
void cxl_vfio_mem_init(struct cxl_vfio_mem *mem, struct vfio_pci_core_device *core,
		       struct cxl_vfio_hw *hw);
void cxl_vfio_mem_zap(struct cxl_vfio_mem *mem);
void cxl_vfio_mem_forbid(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why);
void cxl_vfio_mem_revoke(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why);
void cxl_vfio_mem_allow(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why);
bool cxl_vfio_mem_reachable(struct cxl_vfio_mem *mem);
bool cxl_vfio_mem_accessible(struct cxl_vfio_mem *mem);
bool cxl_vfio_mem_accessible_cached(struct cxl_vfio_mem *mem);
int cxl_vfio_mem_flush_cpu_caches(struct cxl_vfio_mem *mem);
int cxl_vfio_mem_flush_touched(struct cxl_vfio_mem *mem);

/* claim.c */
struct cxl_vfio_claim *cxl_vfio_claim(const struct range *hpa);
bool cxl_vfio_unclaim(struct cxl_vfio_claim *claim);
void cxl_vfio_claim_type1(struct cxl_vfio_claim *claim);
int cxl_vfio_claim_memory(struct cxl_vfio_mem *mem);
void cxl_vfio_unclaim_memory(struct cxl_vfio_mem *mem);
int cxl_vfio_claims_show(char *buf);
int cxl_vfio_claims_forget(u64 start);

/* mapping.c */
struct file *cxl_vfio_mapping_file(const struct cxl_vfio_backing *backing);
int cxl_vfio_mapping_mmap(struct cxl_vfio_mem *mem, struct vm_area_struct *vma);

/* backing.c */
extern const struct cxl_vfio_backing cxl_vfio_backing_auto;
extern const struct cxl_vfio_backing *const cxl_vfio_backings[];
const struct cxl_vfio_backing *cxl_vfio_backing_named(const char *name);
int cxl_vfio_backing_attach(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing,
			    unsigned int folio_order);
bool cxl_vfio_backing_stays(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing);
int cxl_vfio_backing_detach(struct cxl_vfio_mem *mem);
void cxl_vfio_backing_abandon(struct cxl_vfio_mem *mem);
void cxl_vfio_backing_unmap(struct cxl_vfio_mem *mem);
int cxl_vfio_backing_map_again(struct cxl_vfio_mem *mem);
int cxl_vfio_backing_pinned(struct cxl_vfio_mem *mem);
int cxl_vfio_backing_read(struct cxl_vfio_mem *mem, u64 pos, void *buf, size_t count);
void cxl_vfio_backing_write(struct cxl_vfio_mem *mem, u64 pos, const void *buf, size_t count);
void cxl_vfio_backing_clear(struct cxl_vfio_mem *mem, u64 pos, size_t count);

#ifdef CONFIG_X86
/* By the page table, where range registers and PAT are in already. */
static inline bool cxl_vfio_entry_is_write_back(const void *kaddr)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)kaddr, &level);

	return pte && !(pte_flags(*pte) & (_PAGE_PWT | _PAGE_PCD));
}

static inline bool cxl_vfio_kvm_wants_pages(void)
{
	return boot_cpu_has(X86_FEATURE_VMX) || boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
}
#else
static inline bool cxl_vfio_entry_is_write_back(const void *kaddr)
{
	return true;
}

static inline bool cxl_vfio_kvm_wants_pages(void)
{
	return false;
}
#endif

/* pages.c */
bool cxl_vfio_is_write_back(struct cxl_vfio_mem *mem, const void *kaddr);
int cxl_vfio_pages_check(struct cxl_vfio_mem *mem, unsigned int order);
int cxl_vfio_pages_make(struct cxl_vfio_mem *mem, struct dev_pagemap *pgmap, unsigned int order,
			bool reserved);

/* backing_pfn.c */
int cxl_vfio_map_wb(struct cxl_vfio_mem *mem);
extern const struct cxl_vfio_backing cxl_vfio_backing_pfn;
extern const struct cxl_vfio_backing cxl_vfio_backing_memmap;
extern const struct cxl_vfio_backing cxl_vfio_backing_uncached;

/* backing_folio.c */
extern const struct cxl_vfio_backing cxl_vfio_backing_folio;
void cxl_vfio_folio_exit(void);

/* content.c */
void cxl_vfio_content_dirty(struct cxl_vfio_mem *mem);
void cxl_vfio_content_lost(struct cxl_vfio_mem *mem);
bool cxl_vfio_content_used(struct cxl_vfio_mem *mem);
bool cxl_vfio_content_precious(struct cxl_vfio_mem *mem);

/* poison.c */
void cxl_vfio_poison_setup(void);
void cxl_vfio_poison_exit(void);
void cxl_vfio_poison_record(struct cxl_vfio_mem *mem, unsigned long pfn);
void cxl_vfio_poison_signal(struct cxl_vfio_mem *mem, unsigned long pfn);
int cxl_vfio_poison_register(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing);
void cxl_vfio_poison_unregister(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing);
bool cxl_vfio_poison_within(struct cxl_vfio_mem *mem, u64 pos, u64 count);
void cxl_vfio_poison_expose(struct cxl_vfio_mem *mem, u64 pos, u64 count);
void cxl_vfio_poison_forget(struct cxl_vfio_mem *mem);
unsigned long cxl_vfio_poison_count(struct cxl_vfio_mem *mem);

#endif
