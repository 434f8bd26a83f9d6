// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory errors: memory_failure() finds who has mapped the memory and sends
 * SIGBUS; here it is told where the mappings are, and what it found is kept.
 *
 * Nothing is unmapped for good. Who touches a poisoned line again is told again,
 * by the machine; KVM forwards that to the guest, and has no such way for a page
 * that cannot be mapped (hva_to_pfn_remapped()): it would stop the VM.
 */
#include <linux/memory-failure.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pci.h>
#include <linux/set_memory.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "cxl_vfio.h"
#include "trace.h"

/**
 * cxl_vfio_poison_record - an error in a page of the memory was reported
 * @cxlv: the device
 * @pfn: of the page
 *
 * From memory_failure(); does not sleep. With struct pages, mem.lock is held for
 * write.
 */
void cxl_vfio_poison_record(struct cxl_vfio_device *cxlv, unsigned long pfn)
{
	struct cxl_vfio_poison *poison = &cxlv->mem.poison;
	unsigned long page = pfn - PHYS_PFN(cxlv->mem.hpa.start);

	/* Known already, or no memory to note it: the signals are sent all the same. */
	if (xa_insert(&poison->pages, page, xa_mk_value(0), GFP_ATOMIC))
		return;
	trace_cxl_vfio_poison(&cxlv->core.pdev->dev, PFN_PHYS(page));
}

/* memory_failure_pfn() asks for each VMA of each process. */
static int pfn_to_vma_pgoff(struct vm_area_struct *vma, unsigned long pfn, pgoff_t *pgoff)
{
	struct cxl_vfio_device *cxlv = vma->vm_private_data;
	pgoff_t page = pfn - PHYS_PFN(cxlv->mem.hpa.start);

	cxl_vfio_poison_record(cxlv, pfn);
	if (page < vma->vm_pgoff || page >= vma->vm_pgoff + vma_pages(vma))
		return -EFAULT;
	*pgoff = page;
	return 0;
}

/**
 * cxl_vfio_poison_register - say where memory without struct pages is mapped
 * @cxlv: the device; the address space of its mappings is there
 * @backing: what it gets; with struct pages, those say it
 *
 * Return: 0, or -EBUSY where somebody else has said so of the same memory.
 */
int cxl_vfio_poison_register(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing)
{
	struct pfn_address_space *space = &cxlv->mem.poison.space;
	const struct range *hpa = &cxlv->mem.hpa;

	if (backing->pages)
		return 0;
	space->node.start = PHYS_PFN(hpa->start);
	space->node.last = PHYS_PFN(hpa->end);
	space->mapping = cxlv->mem.file->f_mapping;
	space->pfn_to_vma_pgoff = pfn_to_vma_pgoff;
	return register_pfn_address_space(space);
}

/**
 * cxl_vfio_poison_unregister - undo cxl_vfio_poison_register()
 * @cxlv: the device
 * @backing: what it had
 */
void cxl_vfio_poison_unregister(struct cxl_vfio_device *cxlv,
				const struct cxl_vfio_backing *backing)
{
	if (!backing->pages)
		unregister_pfn_address_space(&cxlv->mem.poison.space);
}

/* The first page from @page on in which an error was reported, up to @last. */
static bool find_poison(struct cxl_vfio_device *cxlv, unsigned long *page, unsigned long last)
{
	return xa_find(&cxlv->mem.poison.pages, page, last, XA_PRESENT);
}

/**
 * cxl_vfio_poison_hidden - may the kernel not touch some of this?
 * @cxlv: the device; mem.lock is held for read at least
 * @pos: offset in the memory, bytes
 * @count: bytes, not zero
 *
 * After a machine check set_mce_nospec() takes the page out of the direct map, by
 * which the kernel has memory with struct pages; touching it there is an oops.
 */
bool cxl_vfio_poison_hidden(struct cxl_vfio_device *cxlv, u64 pos, size_t count)
{
	unsigned long page = PHYS_PFN(pos);

	lockdep_assert_held(&cxlv->mem.lock);

	return cxlv->mem.backing->pages && find_poison(cxlv, &page, PHYS_PFN(pos + count - 1));
}

/**
 * cxl_vfio_poison_expose - the kernel may touch all of this
 * @cxlv: the device
 * @pos: offset in the memory, bytes
 * @count: bytes, not zero
 */
void cxl_vfio_poison_expose(struct cxl_vfio_device *cxlv, u64 pos, u64 count)
{
	unsigned long first = PHYS_PFN(cxlv->mem.hpa.start);
	unsigned long page, last = PHYS_PFN(pos + count - 1);

	if (!cxlv->mem.backing->pages)
		return;
	for (page = PHYS_PFN(pos); find_poison(cxlv, &page, last); page++)
		clear_mce_nospec(first + page);
}

/**
 * cxl_vfio_poison_forget - there is no poison any more
 * @cxlv: the device, which has cleared its memory, or which goes and has no
 *	  backing any more
 */
void cxl_vfio_poison_forget(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_poison *poison = &cxlv->mem.poison;
	unsigned long page, first = PHYS_PFN(cxlv->mem.hpa.start);
	void *entry;

	if (cxlv->mem.backing)
		cxl_vfio_poison_expose(cxlv, 0, range_len(&cxlv->mem.hpa));
	xa_for_each(&poison->pages, page, entry) {
		if (cxlv->mem.backing && cxlv->mem.backing->pages)
			ClearPageHWPoison(&pfn_folio(first + page)->page);
		xa_erase(&poison->pages, page);
	}
}

static ssize_t poisoned_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct cxl_vfio_device *cxlv = dev_to_cxl_vfio(dev);
	unsigned long page, count = 0;
	void *entry;

	xa_for_each(&cxlv->mem.poison.pages, page, entry)
		count++;
	return sysfs_emit(buf, "%lu\n", count);
}
static DEVICE_ATTR_RO(poisoned_pages);

static struct attribute *poison_attrs[] = {
	&dev_attr_poisoned_pages.attr,
	NULL
};

const struct attribute_group cxl_vfio_poison_group = {
	.attrs = poison_attrs,
};
