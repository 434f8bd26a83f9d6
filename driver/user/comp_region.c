// SPDX-License-Identifier: GPL-2.0-only
/*
 * The register region: accesses to the virtual CM block. What a user writes
 * here changes virtual registers (regs.c); nothing of it reaches the device.
 */
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

static ssize_t comp_regs_rw(struct vfio_pci_core_device *core, char __user *buf, size_t count,
			    loff_t *ppos, bool iswrite)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK, val;
	u32 size = cxl_vfio_comp_regs_size(&cxlv->hw.comp);
	__le64 raw = 0;
	int ret;

	if ((count != sizeof(u32) && count != sizeof(u64)) || pos >= size)
		return -EINVAL;
	pos = array_index_nospec(pos, size);

	if (iswrite) {
		if (copy_from_user(&raw, buf, count))
			return -EFAULT;
		ret = cxl_vfio_regs_cm_write(&cxlv->regs, pos, count, le64_to_cpu(raw));
		if (ret)
			return ret;
	} else {
		ret = cxl_vfio_regs_cm_read(&cxlv->regs, pos, count, &val);
		if (ret)
			return ret;
		raw = cpu_to_le64(val);
		if (copy_to_user(buf, &raw, count))
			return -EFAULT;
	}
	*ppos += count;
	return count;
}

static int comp_regs_add_capability(struct vfio_pci_core_device *core,
				    struct vfio_pci_region *region, struct vfio_info_cap *caps)
{
	const struct cxl_vfio_comp *comp = &to_cxl_vfio(core)->hw.comp;
	struct vfio_region_info_cap_cxl_comp_regs cap = {
		.header.id = VFIO_REGION_INFO_CAP_CXL_COMP_REGS,
		.header.version = 1,
		.bar = comp->bar,
		.hdm_offset = comp->hdm,
		.offset = comp->cm,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

/* The registers behind it go at close; the core wants to be told something. */
static void comp_regs_release(struct vfio_pci_core_device *core, struct vfio_pci_region *region)
{
	to_cxl_vfio(core)->comp_region_index = 0;
}

static const struct vfio_pci_regops comp_regs_ops = {
	.rw = comp_regs_rw,
	.release = comp_regs_release,
	.add_capability = comp_regs_add_capability,
};

/**
 * cxl_vfio_comp_region_open - offer the virtual CM block as a VFIO region
 * @cxlv: the device, being opened
 *
 * Undone by vfio_pci_core_disable(). Return: 0 or -ENOMEM.
 */
int cxl_vfio_comp_region_open(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	int ret;

	ret = vfio_pci_core_register_dev_region(core,
						VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						VFIO_CXL_PCI_VENDOR_ID,
						VFIO_REGION_SUBTYPE_CXL_COMP_REGS,
						&comp_regs_ops,
						cxl_vfio_comp_regs_size(&cxlv->hw.comp),
						VFIO_REGION_INFO_FLAG_READ |
						VFIO_REGION_INFO_FLAG_WRITE, NULL);
	if (ret)
		return ret;
	cxlv->comp_region_index = VFIO_PCI_NUM_REGIONS + core->num_regions - 1;
	return 0;
}
