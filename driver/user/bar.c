// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BAR that holds the component registers, as a user has it: all of it but for the
 * pages of the CM block. The VFIO core cannot reserve the BAR (hw/component.c), and would
 * leave it unusable; it is lent a mapping while the device is open.
 */
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "user/user.h"

/**
 * cxl_vfio_bar_open - lend the VFIO core the mapping of the BAR
 * @cxlv: the device, just enabled by vfio_pci_core_enable()
 *
 * That has tried to reserve the BAR, and the PCI core has said "can't reserve"
 * in the log, at every open: harmless. The mapping outlives the session, so
 * that nothing of the core can use it when it is gone.
 */
void cxl_vfio_bar_open(struct cxl_vfio_device *cxlv)
{
	cxlv->core.barmap[cxlv->hw.comp.bar] = cxlv->hw.comp.base;
}

/* Before vfio_pci_core_disable(), which would unmap and release it. */
void cxl_vfio_bar_close(struct cxl_vfio_device *cxlv)
{
	cxlv->core.barmap[cxlv->hw.comp.bar] = IOMEM_ERR_PTR(-EBUSY);
}

/**
 * cxl_vfio_bar_carved - does a range of the BAR touch the carved-out pages?
 * @cxlv: the device
 * @start: bytes in the BAR
 * @len: bytes, at least one
 */
bool cxl_vfio_bar_carved(struct cxl_vfio_device *cxlv, u64 start, u64 len)
{
	u64 end;

	if (check_add_overflow(start, len, &end))
		return true;
	return start < cxlv->hw.comp.carve_end && end > cxlv->hw.comp.carve_start;
}

/**
 * cxl_vfio_rw_nothing - reads give ones, and writes are dropped
 * @buf: user memory
 * @count: bytes
 * @ppos: position in any region
 * @iswrite: which
 *
 * As from a device that does not answer. Return: @count, or -EFAULT.
 */
ssize_t cxl_vfio_rw_nothing(char __user *buf, size_t count, loff_t *ppos, bool iswrite)
{
	static const u8 ones[64] = { [0 ... 63] = 0xff };
	size_t done, chunk;

	for (done = 0; !iswrite && done < count; done += chunk) {
		chunk = min(count - done, sizeof(ones));
		if (copy_to_user(buf + done, ones, chunk))
			return -EFAULT;
	}
	*ppos += count;
	return count;
}

/**
 * cxl_vfio_bar_rw - read or write the BAR, around the carved-out pages
 * @cxlv: the device
 * @buf: user memory
 * @count: bytes
 * @ppos: position with the BAR's region index
 * @iswrite: which
 *
 * The core does what is before and after; it clips at the end of the BAR.
 *
 * Return: bytes moved, or the first piece's error.
 */
ssize_t cxl_vfio_bar_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			loff_t *ppos, bool iswrite)
{
	struct vfio_device *vdev = &cxlv->core.vdev;
	const struct cxl_vfio_comp *comp = &cxlv->hw.comp;
	const u64 len = pci_resource_len(cxlv->core.pdev, comp->bar);
	size_t done = 0;
	ssize_t ret = 0;

	while (done < count) {
		u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
		size_t chunk = count - done;

		if (pos >= comp->carve_start && pos < comp->carve_end) {
			ret = cxl_vfio_rw_nothing(buf + done,
						  min_t(u64, chunk, comp->carve_end - pos),
						  ppos, iswrite);
		} else {
			if (pos < comp->carve_start)
				chunk = min_t(u64, chunk, comp->carve_start - pos);
			else if (pos >= len && done)
				break;
			ret = iswrite ? vfio_pci_core_write(vdev, buf + done, chunk, ppos) :
					vfio_pci_core_read(vdev, buf + done, chunk, ppos);
		}
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}

/**
 * cxl_vfio_bar_caps - tell a user which pages of the BAR can be mapped
 * @cxlv: the device
 * @caps: of VFIO_DEVICE_GET_REGION_INFO on the BAR
 *
 * Return: 0 or -ENOMEM.
 */
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_info_cap *caps)
{
	u64 len = pci_resource_len(cxlv->core.pdev, cxlv->hw.comp.bar);
	DEFINE_RAW_FLEX(struct vfio_region_info_cap_sparse_mmap, sparse, areas, 2);

	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	if (cxlv->hw.comp.carve_start) {
		sparse->areas[sparse->nr_areas].offset = 0;
		sparse->areas[sparse->nr_areas++].size = cxlv->hw.comp.carve_start;
	}
	if (cxlv->hw.comp.carve_end < len) {
		sparse->areas[sparse->nr_areas].offset = cxlv->hw.comp.carve_end;
		sparse->areas[sparse->nr_areas++].size = len - cxlv->hw.comp.carve_end;
	}
	return vfio_info_add_capability(caps, &sparse->header,
					struct_size(sparse, areas, sparse->nr_areas));
}

/* A dma-buf over the carved-out pages would let another device write the decoders. */
static int get_dmabuf_phys(struct vfio_pci_core_device *core, struct p2pdma_provider **provider,
			   unsigned int region_index, struct phys_vec *phys_vec,
			   struct vfio_region_dma_range *dma_ranges, size_t nr_ranges)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	size_t i;

	if (region_index == cxlv->hw.comp.bar)
		for (i = 0; i < nr_ranges; i++)
			if (cxl_vfio_bar_carved(cxlv, dma_ranges[i].offset, dma_ranges[i].length))
				return -EINVAL;

	return vfio_pci_core_get_dmabuf_phys(core, provider, region_index, phys_vec, dma_ranges,
					     nr_ranges);
}

const struct vfio_pci_device_ops cxl_vfio_pci_ops = {
	.get_dmabuf_phys = get_dmabuf_phys,
};
