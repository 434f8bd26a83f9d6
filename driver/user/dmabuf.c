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

/**
 * cxl_vfio_dmabuf_index - find the index by which the memory is exported
 * @cxlv: the device, open
 * @index: the highest that has no BAR; it may be the upper half of one
 *
 * Importers map the memory write-back, on x86: elsewhere IOMMUFD maps it as a device's
 * registers, without a look into the processors' caches (IOMMU_MMIO).
 *
 * Return: whether there is one.
 */
bool cxl_vfio_dmabuf_index(const struct cxl_vfio_device *cxlv, u32 *index)
{
	unsigned int bar = PCI_STD_NUM_BARS;

	if (!IS_ENABLED(CONFIG_VFIO_PCI_DMABUF) || !IS_ENABLED(CONFIG_X86) ||
	    cxlv->mem.uncached)
		return false;
	while (bar-- > 0) {
		*index = bar;
		if (!pci_resource_len(cxlv->core.pdev, bar))
			return true;
	}
	return false;
}

/*
 * By this device p2pdma finds out how another one reaches the memory. To one that has a bridge in
 * common with the accelerator it gives addresses as they are, for TLPs that the bridge turns back
 * (calc_map_type_and_dist()); the memory is decoded above any of them, by the host bridge. Where
 * there may be such devices, a bridge stands for the accelerator: it has no memory to offer,
 * and p2pdma refuses. IOMMUFD does not ask.
 */
static struct device *provider_owner(struct pci_dev *pdev)
{
	if (pci_upstream_bridge(pdev) && (cxl_vfio_is_behind_switch(pdev) || pdev->multifunction ||
					  pdev->is_physfn || pdev->is_virtfn))
		return &pci_upstream_bridge(pdev)->dev;
	return &pdev->dev;
}

/**
 * cxl_vfio_dmabuf_open - lend the VFIO core a mapping for the memory's index
 * @cxlv: the device, just enabled by vfio_pci_core_enable()
 *
 * The core does nothing with it, but to see that it is there: what reads, writes or maps a
 * BAR looks for the BAR first.
 */
void cxl_vfio_dmabuf_open(struct cxl_vfio_device *cxlv)
{
	u32 index;

	cxlv->provider.owner = provider_owner(cxlv->core.pdev);
	if (cxl_vfio_dmabuf_index(cxlv, &index))
		cxlv->core.barmap[index] = cxlv->hw.comp.base;
}

/* Before vfio_pci_core_disable(), which would unmap it. */
void cxl_vfio_dmabuf_close(struct cxl_vfio_device *cxlv)
{
	u32 index;

	if (cxl_vfio_dmabuf_index(cxlv, &index))
		cxlv->core.barmap[index] = IOMEM_ERR_PTR(-ENODEV);
}

/**
 * cxl_vfio_dmabuf_feature - VFIO_DEVICE_FEATURE_DMA_BUF
 * @cxlv: the device, open
 * @flags: of the feature
 * @arg: of the user
 * @argsz: bytes of that
 *
 * A dma-buf that is made in a CXL Reset would find memory disabled, until the user enables it.
 *
 * Return: the dma-buf's file descriptor; -EOPNOTSUPP for the memory region's own index, which
 * the core does not take; -EINTR when killed; or the core's error.
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
	if (cxl_vfio_cxl_reset_wait_off(cxlv))
		return -EINTR;
	ret = vfio_pci_core_ioctl_feature(&cxlv->core.vdev, flags, arg, argsz);
	cxl_vfio_cxl_reset_let(cxlv);
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
	u32 index;
	size_t i;

	if (cxl_vfio_dmabuf_index(cxlv, &index) && index == region_index) {
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
