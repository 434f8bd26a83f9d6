// SPDX-License-Identifier: GPL-2.0-only
/* The register region: accesses to the virtual CM block. Nothing of it reaches the device. */
#include <linux/nospec.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

static ssize_t rw_comp_regs(struct vfio_pci_core_device *core, char __user *buf, size_t count,
			    loff_t *ppos, bool iswrite)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK, val = 0;
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
	} else {
		ret = cxl_vfio_regs_cm_read(&cxlv->regs, pos, count, &val);
		raw = cpu_to_le64(val);
		if (!ret && copy_to_user(buf, &raw, count))
			ret = -EFAULT;
	}
	if (ret)
		return ret;
	*ppos += count;
	return count;
}

/* The ABI of today; it grows at its end. */
static_assert(sizeof(struct vfio_cxl_region_cap_registers) == 32);

static int add_comp_capability(struct vfio_pci_core_device *core,
			       struct vfio_pci_region *region, struct vfio_info_cap *caps)
{
	const struct cxl_vfio_comp *comp = &to_cxl_vfio(core)->hw.comp;
	struct vfio_cxl_region_cap_registers cap = {
		.header.id = VFIO_CXL_REGION_CAP_REGISTERS,
		.header.version = 1,
		.size = sizeof(cap),
		.bar = comp->bar,
		.hdm_offset = comp->hdm,
		.offset = comp->cm,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

/* The registers behind it go at close; the core calls this whatever it does. */
static void release_comp_regs(struct vfio_pci_core_device *core, struct vfio_pci_region *region)
{
}

const struct vfio_pci_regops cxl_vfio_comp_region_ops = {
	.rw = rw_comp_regs,
	.release = release_comp_regs,
	.add_capability = add_comp_capability,
};
