// SPDX-License-Identifier: GPL-2.0-only
/*
 * The register region: a virtual CM block. What a user reads and writes here
 * is memory of this driver; no access reaches the device.
 */
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cxl_vfio.h"

static size_t comp_regs_size(const struct cxl_vfio_comp *comp)
{
	return comp->hdm + comp->hdm_size;
}

static u32 *reg(struct cxl_vfio_device *cxlv, u32 offset)
{
	return &cxlv->comp_regs[offset / sizeof(u32)];
}

/*
 * The block at open: a capability array that lists the HDM decoder capability
 * alone, at the place where the device has it, and decoder 0 with the size of
 * the region, base 0, not committed. No field holds a host address.
 */
static void comp_regs_fill(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_comp *comp = &cxlv->comp;
	const struct cxl_vfio_platform *platform = &cxlv->platform;
	const struct cxl_vfio_decoder *decoder = &platform->decoder[cxlv->mem.decoder];

	/* 8.2.4.1: one capability follows. */
	*reg(cxlv, CXLR_CAP_ARRAY) = CXLR_CAP_ID_ARRAY | 1 << CXLR_CAP_VERSION_SHIFT |
		1 << CXLR_CAP_ARRAY_CM_VERSION_SHIFT | 1 << CXLR_CAP_ARRAY_SIZE_SHIFT;
	*reg(cxlv, CXLR_CAP_HEADER(0)) = comp->hdm_id_version |
		comp->hdm << CXLR_CAP_POINTER_SHIFT;

	*reg(cxlv, comp->hdm + CXLR_HDM_CAP) = platform->hdm_cap;
	*reg(cxlv, comp->hdm + CXLR_HDM_SIZE_LOW(0)) = lower_32_bits(decoder->size);
	*reg(cxlv, comp->hdm + CXLR_HDM_SIZE_HIGH(0)) = upper_32_bits(decoder->size);
	*reg(cxlv, comp->hdm + CXLR_HDM_CTRL(0)) = decoder->ctrl &
		(CXLR_HDM_CTRL_HOSTONLY | CXLR_HDM_CTRL_BI);
}

static ssize_t comp_regs_rw(struct vfio_pci_core_device *core, char __user *buf, size_t count,
			    loff_t *ppos, bool iswrite)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	size_t size = comp_regs_size(&cxlv->comp);
	__le32 val;

	/* 8.2.3: 4-byte registers take aligned accesses of 4 bytes. */
	if (count != sizeof(val) || !IS_ALIGNED(pos, sizeof(val)) || pos >= size)
		return -EINVAL;
	pos = array_index_nospec(pos, size);

	/* Every register here is read-only so far: a write is taken and changes nothing. */
	if (iswrite) {
		if (copy_from_user(&val, buf, sizeof(val)))
			return -EFAULT;
	} else {
		val = cpu_to_le32(*reg(cxlv, pos));
		if (copy_to_user(buf, &val, sizeof(val)))
			return -EFAULT;
	}
	*ppos += count;
	return count;
}

static int comp_regs_add_capability(struct vfio_pci_core_device *core,
				    struct vfio_pci_region *region, struct vfio_info_cap *caps)
{
	const struct cxl_vfio_comp *comp = &to_cxl_vfio(core)->comp;
	struct vfio_region_info_cap_cxl_comp_regs cap = {
		.header.id = VFIO_REGION_INFO_CAP_CXL_COMP_REGS,
		.header.version = 1,
		.bar = comp->bar,
		.hdm_offset = comp->hdm,
		.offset = comp->cm,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static void comp_regs_release(struct vfio_pci_core_device *core, struct vfio_pci_region *region)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);

	kfree(cxlv->comp_regs);
	cxlv->comp_regs = NULL;
}

static const struct vfio_pci_regops comp_regs_ops = {
	.rw = comp_regs_rw,
	.release = comp_regs_release,
	.add_capability = comp_regs_add_capability,
};

/**
 * cxl_vfio_comp_regs_open - offer the virtual CM block as a VFIO region
 * @cxlv: the device, being opened
 *
 * The virtual state begins here and ends at close. Undone by
 * vfio_pci_core_disable().
 *
 * Return: 0 or -ENOMEM.
 */
int cxl_vfio_comp_regs_open(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	size_t size = comp_regs_size(&cxlv->comp);
	int ret;

	cxlv->comp_regs = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!cxlv->comp_regs)
		return -ENOMEM;
	comp_regs_fill(cxlv);

	ret = vfio_pci_core_register_dev_region(core,
						VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						VFIO_CXL_PCI_VENDOR_ID,
						VFIO_REGION_SUBTYPE_CXL_COMP_REGS,
						&comp_regs_ops, size,
						VFIO_REGION_INFO_FLAG_READ |
						VFIO_REGION_INFO_FLAG_WRITE, NULL);
	if (ret) {
		comp_regs_release(core, NULL);
		return ret;
	}
	cxlv->comp_region_index = VFIO_PCI_NUM_REGIONS + core->num_regions - 1;
	return 0;
}
