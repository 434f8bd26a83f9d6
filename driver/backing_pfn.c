// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pfn backing: cacheable special PTEs, PMDs and PUDs, without struct
 * pages. They can be taken away at any time.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "cxl_vfio.h"
#include "trace.h"

static const unsigned int orders[] = {
#ifdef CONFIG_ARCH_SUPPORTS_PUD_PFNMAP
	PUD_ORDER,
#endif
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	PMD_ORDER,
#endif
	0,
};

/**
 * cxl_vfio_pfn_max_map - the largest mapping that a user can count on, bytes
 * @cxlv: the device
 *
 * Of the sizes that the architecture has, the largest to which the region's
 * HPA is aligned and that fits into it: with region offset 0 at a user address
 * aligned to it, faults map in pieces of that size.
 */
u64 cxl_vfio_pfn_max_map(struct cxl_vfio_device *cxlv)
{
	const struct range *hpa = &cxlv->mem.hpa;
	unsigned int i;
	u64 size;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		size = PAGE_SIZE << orders[i];
		if (IS_ALIGNED(hpa->start, size) && size <= range_len(hpa))
			break;
	}
	return size;
}

static u64 vma_offset(struct vm_area_struct *vma)
{
	return ((u64)vma->vm_pgoff << PAGE_SHIFT) & VFIO_PCI_OFFSET_MASK;
}

/* VM_FAULT_RETRY: a user's change of memory enable or power is under way. */
static vm_fault_t insert(struct cxl_vfio_device *cxlv, struct vm_fault *vmf, unsigned long pfn,
			 unsigned int order)
{
	guard(rwsem_read)(&cxlv->core.memory_lock);
	guard(rwsem_read)(&cxlv->mem.lock);

	/* Not whoever makes the change, and not the dying: signals wait for the fault. */
	if (cxlv->mem.blocked == CXL_VFIO_BLOCK_CONFIG &&
	    READ_ONCE(cxlv->mem.config_owner) != current && !fatal_signal_pending(current))
		return VM_FAULT_RETRY;
	if (!cxl_vfio_mem_live(cxlv))
		return VM_FAULT_SIGBUS;
	return vfio_pci_vmf_insert_pfn(&cxlv->core, vmf, pfn, order);
}

/*
 * Come again in a moment: a change is short. Not when it is made, for which its
 * lock would have to be waited for: who makes it may be in a fault of his own, on
 * a device whose change is made from this one's memory. And without mmap_lock,
 * which he may need; who cannot let go of it comes again at once. A second
 * retry is as good as a first: each has waited.
 */
static vm_fault_t retry(struct vm_fault *vmf)
{
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_NOPAGE;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	release_fault_lock(vmf);
	schedule_timeout_killable(1);
	return VM_FAULT_RETRY;
}

/*
 * KVM looks the new entry up itself, under the same lock, and stops the VM
 * where it was zapped since (hva_to_pfn_remapped()). Where that lock has been
 * let go of, KVM begins again; so does get_user_pages(). The user's own access
 * begins again in any case.
 */
static vm_fault_t inserted(struct vm_fault *vmf)
{
	const unsigned int which = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY |
				   FAULT_FLAG_RETRY_NOWAIT;

	if ((vmf->flags & which) != FAULT_FLAG_ALLOW_RETRY)
		return VM_FAULT_NOPAGE;
	release_fault_lock(vmf);
	return VM_FAULT_NOPAGE | VM_FAULT_COMPLETED;
}

static vm_fault_t pfn_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct cxl_vfio_device *cxlv = vma->vm_private_data;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long pfn;

	pfn = PHYS_PFN(cxlv->mem.hpa.start + vma_offset(vma)) + linear_page_delta(vma, addr);
	if (is_aligned_for_order(vma, addr, pfn, order))
		ret = insert(cxlv, vmf, pfn, order);

	trace_cxl_vfio_fault(&cxlv->core.pdev->dev, vmf->address, order, ret);
	if (ret == VM_FAULT_RETRY)
		return retry(vmf);
	return ret == VM_FAULT_NOPAGE ? inserted(vmf) : ret;
}

static vm_fault_t pfn_fault(struct vm_fault *vmf)
{
	return pfn_huge_fault(vmf, 0);
}

static const struct vm_operations_struct pfn_vm_ops = {
	.fault = pfn_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = pfn_huge_fault,
#endif
};

/**
 * cxl_vfio_pfn_mmap - map part of the memory region
 * @cxlv: the device
 * @vma: a shared mapping (vfio_pci_core_mmap() refuses private ones: copying
 *	 a page that has no struct page on write ends in a BUG)
 *
 * Nothing is mapped yet; faults do that, when access is safe.
 *
 * Return: 0, or -EINVAL past the region's end.
 */
int cxl_vfio_pfn_mmap(struct cxl_vfio_device *cxlv, struct vm_area_struct *vma)
{
	u64 end;

	if (check_add_overflow(vma_offset(vma), (u64)vma->vm_end - vma->vm_start, &end) ||
	    end > range_len(&cxlv->mem.hpa))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = cxlv;
	vma->vm_ops = &pfn_vm_ops;
	return 0;
}
