// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers in user space: page frames without struct pages, write-back
 * cacheable, put in by faults and taken away when the device says so.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>

#include "cxl_accel.h"

#define HANDLE_SHIFT	(ACCEL_MMAP_SHIFT - PAGE_SHIFT)

static unsigned long page_in_buffer(struct vm_area_struct *vma, unsigned long addr)
{
	return (vma->vm_pgoff & (BIT(HANDLE_SHIFT) - 1)) + linear_page_delta(vma, addr);
}

/*
 * No leaf is of PUD_SIZE: when mremap() moves one, get_old_pud() in mm/mremap.c clears it as a
 * broken table, with no flush of the TLB, and the process keeps memory that it has freed.
 */
static vm_fault_t insert(struct vm_fault *vmf, unsigned long pfn, unsigned int order)
{
	if (!order)
		return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && order == PMD_ORDER)
		return vmf_insert_pfn_pmd(vmf, pfn, vmf->flags & FAULT_FLAG_WRITE);
	return VM_FAULT_FALLBACK;
}

static vm_fault_t huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct accel_buffer *buffer = vma->vm_private_data;
	unsigned long size = PAGE_SIZE << order, addr = ALIGN_DOWN(vmf->address, size), pfn;

	if (order && (!buffer->own || addr < vma->vm_start || addr + size > vma->vm_end))
		return VM_FAULT_FALLBACK;

	guard(rwsem_read)(&buffer->accel->lock);
	if (buffer->accel->error)
		return VM_FAULT_SIGBUS;
	pfn = accel_buffer_pfn(buffer, page_in_buffer(vma, addr));
	return IS_ALIGNED(pfn, 1UL << order) ? insert(vmf, pfn, order) : VM_FAULT_FALLBACK;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	return huge_fault(vmf, 0);
}

/* fork() and partial munmap() make more mappings of one. */
static void open_mapping(struct vm_area_struct *vma)
{
	struct accel_buffer *buffer = vma->vm_private_data;

	kref_get(&buffer->ref);
}

static void close_mapping(struct vm_area_struct *vma)
{
	accel_buffer_put(vma->vm_private_data);
}

static const struct vm_operations_struct vm_ops = {
	.open = open_mapping,
	.close = close_mapping,
	.fault = fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = huge_fault,
#endif
};

/**
 * accel_mmap - map a buffer, or part of one
 * @file: that the buffer belongs to
 * @vma: its offset has the handle; a shared mapping, since copying a page
 *	 that has no struct page on write ends in a BUG
 *
 * Return: 0, -ENOENT without such a buffer, -EINVAL past its end.
 */
int accel_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct accel_buffer *buffer;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff >> HANDLE_SHIFT > ACCEL_MAX_HANDLE)
		return -EINVAL;
	buffer = accel_file_buffer(file->private_data, vma->vm_pgoff >> HANDLE_SHIFT);
	if (!buffer)
		return -ENOENT;
	if (page_in_buffer(vma, vma->vm_end) > buffer->size >> PAGE_SHIFT) {
		accel_buffer_put(buffer);
		return -EINVAL;
	}

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = buffer;
	vma->vm_ops = &vm_ops;
	return 0;
}
