// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backings with special PTEs, PMDs and PUDs. Such an entry refers to no struct page, so the
 * driver can take it away at any time. pfn and memmap map the memory write-back, as the RAM that
 * it is. With memmap it has struct pages all the same, for code that asks about a page frame, as
 * KVM does (__kvm_is_mmio_pfn()). uncached maps it as if it were registers, the baseline for all
 * others.
 */
#include <linux/io.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "memory/memory.h"

static const unsigned int orders[] = {
#ifdef CONFIG_ARCH_SUPPORTS_PUD_PFNMAP
	PUD_ORDER,
#endif
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	PMD_ORDER,
#endif
	0,
};

/*
 * Of the sizes that the architecture has, the largest to which the region's
 * HPA is aligned and that fits into it: with region offset 0 at a user address
 * aligned to it, faults map in pieces of that size.
 */
static u64 pfn_max_map(struct cxl_vfio_mem *mem)
{
	const struct range *hpa = &mem->hpa;
	unsigned int i;
	u64 size;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		size = PAGE_SIZE << orders[i];
		if (IS_ALIGNED(hpa->start, size) && size <= range_len(hpa))
			break;
	}
	return size;
}

static unsigned int pfn_max_order(struct cxl_vfio_mem *mem)
{
	return orders[0];
}

/*
 * Not by vfio_pci_vmf_insert_pfn(): in a VMA that has to be told of writes, as by soft-dirty
 * (vma_wants_writenotify()), its leaves stay read-only. Leaves can be written here if the VMA
 * can, even if a load makes them: KVM takes a read-only one for ROM (hva_to_pfn_remapped()).
 * They are dirty from then on, which soft-dirty may be told. For a page, vm_page_prot will do:
 * the kernel itself makes its entry writable (wp_page_reuse()).
 */
static vm_fault_t pfn_insert(struct cxl_vfio_mem *mem, struct vm_fault *vmf, unsigned long pfn,
			     unsigned int order)
{
	bool write = vmf->vma->vm_flags & VM_WRITE;

	if (!order)
		return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && order == PMD_ORDER)
		return vmf_insert_pfn_pmd(vmf, pfn, write);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) && order == PUD_ORDER)
		return vmf_insert_pfn_pud(vmf, pfn, write);
	return VM_FAULT_FALLBACK;
}

/*
 * Type 1 takes page frames of VM_PFNMAP only (vaddr_get_pfns()). VM_MIXEDMAP is the same to
 * the memory manager, for frames without struct pages (__vm_normal_page()), but for large
 * leaves: the policy for transparent huge pages applies (vma_file_bypass_thp_tuneables()).
 *
 * Not encrypted by the processors: the kernel's own mapping is not (ioremap_cache()), nor is
 * KVM's of what it takes for MMIO, and the device's engine sees plain bytes.
 */
static void pfn_mmap(struct cxl_vfio_mem *mem, struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	/* With struct pages a special entry there is a BUG, and pages that are not reserved do. */
	if (mem->type1_dma == CXL_VFIO_TYPE1_REFUSE && !mem->backing->pages)
		vm_flags_set(vma, VM_IO | VM_MIXEDMAP | VM_HUGEPAGE);
	else
		vm_flags_set(vma, VM_IO | VM_PFNMAP);
}

static void uncached_mmap(struct cxl_vfio_mem *mem, struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	pfn_mmap(mem, vma);
}

/*
 * Map all of the memory for the kernel, write-back. Also with struct pages, in place of the direct
 * map: after a machine check the kernel takes the page out of that at any time (set_mce_nospec()),
 * and an access to it is an oops then. On x86 this mapping also is what makes the PAT code map user
 * PTEs in the same way (pfnmap_setup_cachemode(), arch/x86/mm/pat/memtype.c), so it is there while
 * a process has the device open. memremap() would hand out the direct map, silently, where the
 * range is System RAM: cxl_vfio_claim_memory() has looked.
 * Undone by memunmap(). Return: 0 or -ENOMEM.
 */
int cxl_vfio_map_wb(struct cxl_vfio_mem *mem)
{
	mem->kaddr = memremap(mem->hpa.start, range_len(&mem->hpa), MEMREMAP_WB);
	return mem->kaddr ? 0 : -ENOMEM;
}

/* Left by what had the memory before: in VM_MIXEDMAP a special entry for these is a BUG. */
static bool has_struct_pages(const struct range *hpa)
{
	unsigned long pfn;

	for (pfn = PHYS_PFN(hpa->start); pfn <= PHYS_PFN(hpa->end); pfn += PAGES_PER_SECTION)
		if (pfn_valid(pfn))
			return true;
	return false;
}

static int pfn_attach(struct cxl_vfio_mem *mem)
{
	return has_struct_pages(&mem->hpa) ? -EEXIST : cxl_vfio_map_wb(mem);
}

/*
 * What memremap() mapped, or ioremap(): memunmap() takes both. They leave the TLBs lazily, while a
 * processor may still fetch ahead by them.
 */
static int pfn_detach(struct cxl_vfio_mem *mem)
{
	memunmap(mem->kaddr);
	vm_unmap_aliases();
	return 0;
}

static int uncached_attach(struct cxl_vfio_mem *mem)
{
	if (has_struct_pages(&mem->hpa))
		return -EEXIST;
	mem->kaddr = (__force void *)ioremap(mem->hpa.start, range_len(&mem->hpa));
	return mem->kaddr ? 0 : -ENOMEM;
}

static unsigned int memmap_order(struct cxl_vfio_mem *mem)
{
	u64 size = pfn_max_map(mem);

	/* The larger a compound page, the less memory its struct pages take. */
	while (!IS_ALIGNED(range_len(&mem->hpa), size) || get_order(size) > MAX_FOLIO_ORDER)
		size = size > PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	return get_order(size);
}

static int memmap_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
				 unsigned long nr_pages, int flags)
{
	struct cxl_vfio_mem *mem = container_of(pgmap, struct cxl_vfio_mem, memmap);

	cxl_vfio_poison_record(mem, pfn);
	cxl_vfio_poison_signal(mem, pfn);
	return 0;
}

static const struct dev_pagemap_ops memmap_ops = {
	.memory_failure = memmap_memory_failure,
};

static int memmap_attach(struct cxl_vfio_mem *mem)
{
	int ret;

	mem->memmap.ops = &memmap_ops;
	ret = cxl_vfio_pages_make(mem, &mem->memmap, memmap_order(mem),
				  mem->type1_dma == CXL_VFIO_TYPE1_ALLOW);
	if (ret)
		return ret;
	ret = cxl_vfio_map_wb(mem);
	if (ret)
		memunmap_pages(&mem->memmap);
	return ret;
}

static int memmap_detach(struct cxl_vfio_mem *mem)
{
	memunmap(mem->kaddr);
	memunmap_pages(&mem->memmap);
	return 0;
}

static int uncached_read(struct cxl_vfio_mem *mem, u64 pos, void *buf, size_t count)
{
	memcpy_fromio(buf, (__force void __iomem *)mem->kaddr + pos, count);
	return 0;
}

static void uncached_write(struct cxl_vfio_mem *mem, u64 pos, const void *buf, size_t count)
{
	memcpy_toio((__force void __iomem *)mem->kaddr + pos, buf, count);
}

static void uncached_clear(struct cxl_vfio_mem *mem, u64 pos, size_t count)
{
	memset_io((__force void __iomem *)mem->kaddr + pos, 0, count);
}

const struct cxl_vfio_backing cxl_vfio_backing_pfn = {
	.name = "pfn",
	.id = VFIO_CXL_BACKING_PFN,
	.attach = pfn_attach,
	.detach = pfn_detach,
	.max_map = pfn_max_map,
	.max_order = pfn_max_order,
	.mmap = pfn_mmap,
	.insert = pfn_insert,
};

const struct cxl_vfio_backing cxl_vfio_backing_memmap = {
	.name = "memmap",
	.id = VFIO_CXL_BACKING_MEMMAP,
	.pages = true,
	.attach = memmap_attach,
	.detach = memmap_detach,
	.page_order = memmap_order,
	.max_map = pfn_max_map,
	.max_order = pfn_max_order,
	.mmap = pfn_mmap,
	.insert = pfn_insert,
};

const struct cxl_vfio_backing cxl_vfio_backing_uncached = {
	.name = "uncached",
	.id = VFIO_CXL_BACKING_UNCACHED,
	.uncached = true,
	.attach = uncached_attach,
	.detach = pfn_detach,
	/*
	 * arm64 lets no load of Device memory be unaligned, as its memcpy() may be. On x86 all may
	 * be, and memcpy_fromio() would not survive poison.
	 */
	.read = IS_ENABLED(CONFIG_X86) ? NULL : uncached_read,
	.write = uncached_write,
	.clear = uncached_clear,
	.max_map = pfn_max_map,
	.max_order = pfn_max_order,
	.mmap = uncached_mmap,
	.insert = pfn_insert,
};
