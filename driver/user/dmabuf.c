// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of the BARs and of the memory. The VFIO core exports both: with its operations alone,
 * IOMMUFD imports a dma-buf (vfio_pci_dma_buf_iommufd_map()), and only the core's are in the list
 * that it revokes. It takes the index of a BAR for which it has a mapping, and looks no further.
 * So the memory is exported by an index that has no BAR, and for which a mapping is lent.
 */
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

/*
 * The index by which the memory is exported: that of its BAR, or the highest that has none; it may
 * be the upper half of one. Negative: there is none. On x86, where importers map the memory
 * write-back: elsewhere IOMMUFD maps it as a device's registers, without a look into the
 * processors' caches (IOMMU_MMIO).
 */
int cxl_vfio_dmabuf_index(const struct cxl_vfio_device *cxlv)
{
	int bar = PCI_STD_NUM_BARS - 1;

	if (!IS_ENABLED(CONFIG_VFIO_PCI_DMABUF) || !IS_ENABLED(CONFIG_X86) ||
	    cxlv->mem.uncached)
		return -EOPNOTSUPP;
	if (cxlv->memory_bar >= 0)
		return cxlv->memory_bar;
	while (bar >= 0 && pci_resource_len(cxlv->core.pdev, bar))
		bar--;
	return bar;
}

/*
 * By this device p2pdma finds out how another one reaches the memory. To one that has a bridge in
 * common with the accelerator it gives addresses as they are, for TLPs that the bridge turns back
 * (calc_map_type_and_dist()); the memory is decoded above any of them, by the host bridge. Where
 * there may be such devices, a bridge stands for the accelerator: it has no memory to offer,
 * and p2pdma refuses. IOMMUFD does not ask.
 */
void cxl_vfio_dmabuf_init(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->hw.pdev, *bridge = pci_upstream_bridge(pdev);
	bool peers = cxl_vfio_is_behind_switch(pdev) || pdev->multifunction || pdev->is_physfn ||
		     pdev->is_virtfn;

	cxlv->provider.owner = bridge && peers ? &bridge->dev : &pdev->dev;
}

/*
 * VFIO_DEVICE_FEATURE_DMA_BUF. Returns the dma-buf's file descriptor; -EOPNOTSUPP for the memory
 * region's own index, which the core does not take; -EINTR when killed; or the core's error.
 */
int cxl_vfio_dmabuf_feature(struct cxl_vfio_device *cxlv, u32 flags,
			    struct vfio_device_feature_dma_buf __user *arg, size_t argsz)
{
	u32 index;
	int ret;

	if (argsz >= sizeof(*arg) && get_user(index, &arg->region_index))
		return -EFAULT;
	if (argsz >= sizeof(*arg) && index == cxlv->mem.region_index)
		return -EOPNOTSUPP;
	/* One that is made in a CXL Reset would find memory disabled, until the user enables it. */
	scoped_cond_guard(cxl_vfio_gate_kill, return -EINTR, cxlv)
		ret = vfio_pci_core_ioctl_feature(&cxlv->core.vdev, flags, arg, argsz);
	/* The core takes it for usable. */
	if (ret >= 0)
		cxl_vfio_settle_dma_bufs(cxlv);
	return ret;
}

/* Through a dma-buf over the component registers another device could write the decoders. */
static int get_dmabuf_phys(struct vfio_pci_core_device *core, struct p2pdma_provider **provider,
			   unsigned int region_index, struct phys_vec *phys_vec,
			   struct vfio_region_dma_range *dma_ranges, size_t nr_ranges)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	size_t i;

	if (cxl_vfio_dmabuf_index(cxlv) == (int)region_index) {
		*provider = &cxlv->provider;
		WRITE_ONCE(cxlv->mem.exported, true);
		return vfio_pci_core_fill_phys_vec(phys_vec, dma_ranges, nr_ranges,
						   cxlv->mem.hpa.start, range_len(&cxlv->mem.hpa));
	}
	for (i = 0; i < nr_ranges; i++)
		if (!cxl_vfio_bar_reaches(cxlv, region_index, dma_ranges[i].offset,
					  dma_ranges[i].length))
			return -EINVAL;
	return vfio_pci_core_get_dmabuf_phys(core, provider, region_index, phys_vec, dma_ranges,
					     nr_ranges);
}

const struct vfio_pci_device_ops cxl_vfio_pci_ops = {
	.get_dmabuf_phys = get_dmabuf_phys,
};
