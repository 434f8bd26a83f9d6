// SPDX-License-Identifier: GPL-2.0-only
/*
 * Struct pages for the memory, and whether it can have them; and whether a mapping is write-back.
 */
#include <linux/cc_platform.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "memory/memory.h"

/*
 * Is the kernel's mapping of the memory write-back? Logged if not: where the range registers do
 * not say write-back, memremap() and memremap_pages() map it uncached, without an error
 * (pat_x_mtrr_type()). Users' entries follow.
 */
bool cxl_vfio_is_write_back(struct cxl_vfio_mem *mem, const void *kaddr)
{
	if (cxl_vfio_entry_is_write_back(kaddr))
		return true;
	pci_warn(mem->hw->pdev,
		 "memory %pra is uncached by the processors' range registers: make it write-back, see /proc/mtrr\n",
		 &mem->hpa);
	return false;
}

static void fill_pagemap(struct cxl_vfio_mem *mem, struct dev_pagemap *pgmap, unsigned int order)
{
	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->range = mem->hpa;
	pgmap->nr_range = 1;
	pgmap->vmemmap_shift = order;
}

/* Bytes that memremap_pages() allocates for struct pages, and for the page tables of those. */
static u64 memmap_size(struct dev_pagemap *pgmap)
{
	u64 pages = PHYS_PFN(range_len(&pgmap->range));
	u64 tables = pages * sizeof(struct page) >> PMD_ORDER;

	/* Of a compound page's memmap, all but the first few pages are one and the same. */
	if (vmemmap_can_optimize(NULL, pgmap))
		return (pages >> pgmap->vmemmap_shift) * VMEMMAP_RESERVE_NR * PAGE_SIZE + tables;
	return pages * sizeof(struct page) + tables;
}

/*
 * Can the memory have struct pages, in compound pages of @order? memremap_pages() allocates the
 * memmap until nothing is free: processes die, and what it leaves when it fails keeps the range
 * from every later mapping. An eighth is left for others. With memory encryption the direct map
 * and KVM encrypt such memory, and its device sees what they make of it.
 * Return: 0; -ENOMEM or -EOPNOTSUPP, logged.
 */
int cxl_vfio_pages_check(struct cxl_vfio_mem *mem, unsigned int order)
{
	u64 need, available = (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
	struct dev_pagemap pgmap = { };

	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		pci_err(mem->hw->pdev,
			"memory %pra cannot have struct pages, which memory encryption would encrypt: choose backing pfn\n",
			&mem->hpa);
		return -EOPNOTSUPP;
	}
	fill_pagemap(mem, &pgmap, order);
	need = memmap_size(&pgmap);
	if (need <= available - available / 8)
		return 0;
	pci_err(mem->hw->pdev,
		"struct pages of memory %pra take %llu MiB, of %llu MiB available: choose larger folios, or backing pfn\n",
		&mem->hpa, DIV_ROUND_UP_ULL(need, SZ_1M), available / SZ_1M);
	return -ENOMEM;
}

/*
 * Pages of ZONE_DEVICE are reserved (__init_zone_device_page()). Make them RAM like other RAM. But
 * not where type 1 may still have page frames that it did not pin, and would unpin (put_pfn()). Of
 * a compound page whose memmap is optimised the struct pages from the second page of the memmap
 * on are the same ones. They are its own, and can be written, in 7.3.
 */
static int unreserve_pages(struct cxl_vfio_mem *mem, struct dev_pagemap *pgmap)
{
	unsigned long pages = PHYS_PFN(range_len(&pgmap->range)), page, i;
	unsigned long step = 1ul << pgmap->vmemmap_shift, distinct = step;
	unsigned long first = PHYS_PFN(pgmap->range.start);

	if (READ_ONCE(mem->claim->type1)) {
		pci_err(mem->hw->pdev, "type 1 may still have memory %pra, and would unpin its struct pages: see the driver's attribute type1_memory\n",
			&mem->hpa);
		return -EBUSY;
	}
	if (vmemmap_can_optimize(NULL, pgmap))
		distinct = 2 * PAGE_SIZE / sizeof(struct page);
	if (!cxl_vfio_is_writable(pfn_to_page(first + distinct - 1)))
		return -EOPNOTSUPP;
	for (page = 0; page < pages; page += step) {
		for (i = 0; i < distinct; i++)
			clear_bit(PG_reserved, &pfn_to_page(first + page + i)->flags.f);
		cond_resched();
	}
	return 0;
}

/*
 * Give the memory struct pages, as cxl_vfio_pages_check() lets it; memunmap_pages() undoes it.
 * @pgmap is zeroed, but for its operations, or was used before. Type 1 maps page frames of
 * @reserved ones without a pin, and of no others (follow_fault_pfn()). Uncached memory gets none:
 * KVM on Intel takes a page that is not reserved for write-back (__kvm_is_mmio_pfn()), so host and
 * guest would disagree; of a reserved one it gains nothing. Return: 0, or an error.
 */
int cxl_vfio_pages_make(struct cxl_vfio_mem *mem, struct dev_pagemap *pgmap, unsigned int order,
			bool reserved)
{
	const void *kaddr;
	int ret;

	fill_pagemap(mem, pgmap, order);
	kaddr = memremap_pages(pgmap, dev_to_node(&mem->hw->pdev->dev));
	if (IS_ERR(kaddr))
		return PTR_ERR(kaddr);
	ret = cxl_vfio_is_write_back(mem, kaddr) ? 0 : -EOPNOTSUPP;
	if (!ret && !reserved)
		ret = unreserve_pages(mem, pgmap);
	if (ret)
		memunmap_pages(pgmap);
	return ret;
}
