// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory as a BAR, for VMMs that know nothing of CXL: where the device has no BAR, its user
 * finds a 64-bit prefetchable one whose first bytes are the memory.
 */
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* The two registers of the BAR. */
#define BAR_SIZE	sizeof(u64)

static bool is_upper_half(struct pci_dev *pdev, int bar)
{
	return bar && pci_resource_flags(pdev, bar - 1) & IORESOURCE_MEM_64;
}

/* The lowest pair of BARs that the device does not have, those that begin at an even one first. */
static int find_bar(struct pci_dev *pdev)
{
	static const int order[] = { 0, 2, 4, 1, 3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		if (!pci_resource_len(pdev, order[i]) && !pci_resource_len(pdev, order[i] + 1) &&
		    !is_upper_half(pdev, order[i]))
			return order[i];
	return -ENOSPC;
}

/*
 * Present the memory from the next open on: CXL_VFIO_PRESENTATION_*. Return: 0; -EBUSY while the
 * device is open; -ENOSPC, logged, if it has no room for such a BAR.
 */
int cxl_vfio_present(struct cxl_vfio_device *cxlv, unsigned int presentation)
{
	bool as_bar = presentation == CXL_VFIO_PRESENTATION_BAR;
	struct pci_dev *pdev = cxlv->hw.pdev;
	int bar = as_bar ? find_bar(pdev) : -1;

	if (as_bar && bar < 0) {
		pci_err(pdev, "no two adjacent BARs are free, so its memory cannot be presented as one: use the presentation cxl\n");
		return bar;
	}
	/* The rest of an offset says which region it is in. */
	if (as_bar && cxl_vfio_memory_bar_size(cxlv) > BIT_ULL(VFIO_PCI_OFFSET_SHIFT)) {
		pci_err(pdev, "memory of more than 1 TiB cannot be presented as a BAR: use the presentation cxl\n");
		return -ENOSPC;
	}
	return cxl_vfio_tenancy_present(cxlv, bar);
}

/* Is @pos of configuration space in the BAR's registers? Lower @next as cxl_vfio_is_inside(). */
bool cxl_vfio_is_memory_bar_register(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next)
{
	u32 start = PCI_BASE_ADDRESS_0 + cxlv->memory_bar * sizeof(u32);

	return cxlv->memory_bar >= 0 &&
	       cxl_vfio_is_inside(start, start + BAR_SIZE - 1, pos, next);
}

/*
 * The BAR's registers. As the VFIO core's own, they have what the user wrote, from 0 at open on,
 * whatever resets the device, and it is a VMM that gives the address a meaning.
 */
ssize_t cxl_vfio_memory_bar_register_rw(struct cxl_vfio_device *cxlv, char __user *buf,
					size_t count, loff_t *ppos, bool iswrite)
{
	u32 at = (*ppos & VFIO_PCI_OFFSET_MASK) - PCI_BASE_ADDRESS_0 -
		 cxlv->memory_bar * sizeof(u32);
	u8 bytes[BAR_SIZE];

	if (cxl_vfio_is_absent(&cxlv->hw))
		return cxl_vfio_rw_nothing(cxlv, buf, count, ppos, iswrite);
	if (iswrite && copy_from_user(bytes, buf, count))
		return -EFAULT;
	scoped_guard(mutex, &cxlv->regs.lock) {
		__le64 *reg = &cxlv->memory_bar_register;

		if (iswrite)
			memcpy((u8 *)reg + at, bytes, count);
		*reg &= cpu_to_le64(~(cxl_vfio_memory_bar_size(cxlv) - 1));
		*reg |= cpu_to_le64(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
		memcpy(bytes, (u8 *)reg + at, count);
	}
	if (!iswrite && copy_to_user(buf, bytes, count))
		return -EFAULT;
	*ppos += count;
	return count;
}

/* What answers for byte @pos of the BAR, up to @next. */
cxl_vfio_rw_fn cxl_vfio_memory_bar_rw_at(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next)
{
	return cxl_vfio_memory_bar_reaches(cxlv, pos, next) ? cxl_vfio_mem_rw :
							     cxl_vfio_rw_nothing;
}

/* Map the BAR, as cxl_vfio_mapping_mmap(). -EINVAL for a private mapping, too. */
int cxl_vfio_memory_bar_mmap(struct cxl_vfio_device *cxlv, struct vm_area_struct *vma)
{
	/* As vfio_pci_core_mmap(). */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return cxl_vfio_mapping_mmap(&cxlv->mem, vma);
}
