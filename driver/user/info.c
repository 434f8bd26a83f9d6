// SPDX-License-Identifier: GPL-2.0-only
/* What a device has: the VFIO core's answers, and the capability of CXL behind its own. */
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* That of the VFIO CXL patch series, version 2: the layout stays. */
static_assert(sizeof(struct vfio_device_info_cap_cxl) == 32);

static u32 get_argsz(struct vfio_device_info __user *arg)
{
	u32 argsz;

	return get_user(argsz, &arg->argsz) ? 0 : argsz;
}

static int put_cap(struct cxl_vfio_device *cxlv, struct vfio_device_info __user *arg,
		   u32 offset, u32 next)
{
	struct vfio_device_info_cap_cxl cap = {
		.header.id = VFIO_DEVICE_INFO_CAP_CXL,
		.header.version = 1,
		.header.next = next,
		.hdm_regs_bar_index = cxlv->hw.comp.bar,
		.flags = (cxlv->commitment ? 0 : VFIO_CXL_CAP_FIRMWARE_COMMITTED) |
			 (cxl_vfio_has_cache(&cxlv->hw) ? VFIO_CXL_CAP_CACHE_CAPABLE : 0),
		.hdm_regs_offset = cxlv->hw.comp.cm,
		.dpa_region_index = cxlv->mem.region_index,
		.comp_regs_region_index = cxlv->mem.region_index + 1,	/* add_regions() */
	};

	return copy_to_user((void __user *)arg + offset, &cap, sizeof(cap)) ? -EFAULT : 0;
}

/*
 * Returns 0 or -errno, as the UAPI header says. The core writes its own capabilities straight to
 * the user, so the CXL one is put behind them: a first call with room for none says how much they
 * take, a second one places them.
 */
long cxl_vfio_get_info(struct vfio_device *vdev, struct vfio_device_info __user *arg)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	u32 offset, total, next = 0, argsz = get_argsz(arg);
	struct vfio_device_info info;
	/* Without room for a capability offset, there is for flags and the size needed. */
	size_t len = argsz < sizeof(info) ? offsetofend(struct vfio_device_info, num_irqs) :
					    sizeof(info);
	long ret;

	/* As a BAR the memory is for VMMs that know nothing of CXL. */
	if (cxlv->memory_bar >= 0)
		return vfio_pci_core_ioctl(vdev, VFIO_DEVICE_GET_INFO, (unsigned long)arg);
	if (len == sizeof(info) && put_user((u32)len, &arg->argsz))
		return -EFAULT;
	ret = vfio_pci_core_ioctl(vdev, VFIO_DEVICE_GET_INFO, (unsigned long)arg);
	if (ret)
		return ret;
	offset = ALIGN(max_t(u32, get_argsz(arg), sizeof(info)), 8);
	if (check_add_overflow(offset, (u32)sizeof(struct vfio_device_info_cap_cxl), &total))
		return -EINVAL;

	if (argsz >= total) {
		if (put_user(argsz, &arg->argsz))
			return -EFAULT;
		ret = vfio_pci_core_ioctl(vdev, VFIO_DEVICE_GET_INFO, (unsigned long)arg);
		if (ret)
			return ret;
		/* Left alone by the core when it has no capabilities. */
		if (offset > sizeof(info) && get_user(next, &arg->cap_offset))
			return -EFAULT;
		ret = put_cap(cxlv, arg, offset, next);
		if (ret)
			return ret;
	}

	if (copy_from_user(&info, arg, len))
		return -EFAULT;
	info.flags |= VFIO_DEVICE_FLAGS_CXL | VFIO_DEVICE_FLAGS_CAPS;
	info.argsz = max(argsz, total);
	info.cap_offset = argsz >= total ? offset : 0;
	info.pad = 0;
	return copy_to_user(arg, &info, len) ? -EFAULT : 0;
}

static u32 count_irqs(const struct cxl_vfio_device *cxlv, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return !!cxlv->core.vconfig[PCI_INTERRUPT_PIN];
	case VFIO_PCI_MSI_IRQ_INDEX:
		return cxlv->msi_vectors;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return cxlv->msix_vectors;
	default:
		return 1;
	}
}

/*
 * VFIO_DEVICE_GET_IRQ_INFO, as the core answers it (vfio_pci_ioctl_get_irq_info()). But the core
 * reads the number of vectors from the device, which in a CXL Reset need not answer (9.7.3).
 * Returns 0; -EFAULT; -EINVAL.
 */
long cxl_vfio_get_irq_info(struct cxl_vfio_device *cxlv, struct vfio_irq_info __user *arg)
{
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;

	info.count = count_irqs(cxlv, info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else if (info.index != VFIO_PCI_MSIX_IRQ_INDEX || !cxlv->core.has_dyn_msix)
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}
