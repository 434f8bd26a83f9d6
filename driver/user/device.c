// SPDX-License-Identifier: GPL-2.0-only
/* The VFIO device: the core's operations, but for what CXL adds or takes. */
#include <linux/iommufd.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "user/user.h"
#include "trace.h"

static int cxl_vfio_init(struct vfio_device *vdev)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);

	cxlv->hw.pdev = to_pci_dev(vdev->dev);
	cxl_vfio_mem_init(&cxlv->mem, &cxlv->core, &cxlv->hw);
	cxl_vfio_regs_init(&cxlv->regs, &cxlv->core, &cxlv->hw);
	cxl_vfio_settings_of_new(&cxlv->settings);
	cxl_vfio_dmabuf_init(cxlv);
	cxlv->msi_vectors = max(pci_msi_vec_count(cxlv->hw.pdev), 0);
	cxlv->msix_vectors = max(pci_msix_vec_count(cxlv->hw.pdev), 0);
	mutex_init(&cxlv->user_reset.lock);
	cxlv->command = -1;
	cxlv->memory_bar = -1;
	mutex_init(&cxlv->command_lock);
	mutex_init(&cxlv->revoke_lock);
	cxl_vfio_cxl_reset_init(cxlv);
	cxl_vfio_clear_init(cxlv);
	cxl_vfio_access_init(cxlv);
	/* When an idle device sleeps, is not the core's to say (life/runtime_pm.c). */
	cxlv->core.disable_idle_d3 = true;
	return vfio_pci_core_init_dev(vdev);
}

/* Nobody opens a device that is in a CXL Reset. */
static int refuse_hung(struct cxl_vfio_device *cxlv)
{
	int ret = cxl_vfio_reset_end_hung(cxlv);

	if (!ret || ret == -EAGAIN || ret == -ENODEV)
		return ret;
	dev_err_ratelimited(&cxlv->core.pdev->dev,
			    "still in a CXL Reset that no reset of its bus has ended (%pe), so nobody can open the device: see its attribute reset_method\n",
			    ERR_PTR(ret));
	return -EIO;
}

/*
 * Now, when enabling the device has reset it, and before the next user can tell it to
 * read its memory. The core goes on where no reset works.
 */
static int clear_memory(struct cxl_vfio_device *cxlv)
{
	const char *why;
	int ret;

	if (cxlv->core.reset_works)
		WRITE_ONCE(cxlv->clear.quiet, true);
	cxl_vfio_clear_start(cxlv);
	ret = cxl_vfio_clear_wait(cxlv) ?: refuse_hung(cxlv);
	if (ret || !cxl_vfio_clear_needed(cxlv))
		return ret;
	if (cxl_vfio_check_present(&cxlv->hw))
		return -ENODEV;
	why = cxl_vfio_clear_obstacle(cxlv) ?: "neither a CXL Reset nor the processors did it";
	dev_err_ratelimited(&cxlv->core.pdev->dev,
			    "the driver cannot clear the last user's data from the memory (%s): reset the device, or write 'never' to its attribute 'clear'\n",
			    why);
	return -EIO;
}

/*
 * Lends the VFIO core the driver's mapping of the BAR that has the component registers: the core
 * could not reserve that (hw/component.c), and the PCI core has logged "can't reserve". The core
 * is also to see one for the memory's index in dma-bufs, and does nothing else with that: what
 * reads, writes or maps a BAR looks for the BAR first. An error as @base takes the mapping back,
 * before vfio_pci_core_disable() would unmap and release it. It outlives the session.
 */
static void lend_mapping(struct cxl_vfio_device *cxlv, void __iomem *base)
{
	int index = cxl_vfio_dmabuf_index(cxlv);

	cxlv->core.barmap[cxlv->hw.comp.bar] = base;
	if (index >= 0)
		cxlv->core.barmap[index] = base;
}

/* Undone by vfio_pci_core_disable(). */
static int add_region(struct cxl_vfio_device *cxlv, u32 subtype,
		      const struct vfio_pci_regops *ops, u64 size, u32 flags)
{
	return vfio_pci_core_register_dev_region(&cxlv->core, VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						 VFIO_CXL_PCI_VENDOR_ID, subtype, ops, size,
						 VFIO_REGION_INFO_FLAG_READ |
						 VFIO_REGION_INFO_FLAG_WRITE | flags, NULL);
}

static int add_regions(struct cxl_vfio_device *cxlv)
{
	int ret = add_region(cxlv, VFIO_REGION_SUBTYPE_CXL, &cxl_vfio_mem_region_ops,
			     range_len(&cxlv->mem.hpa), VFIO_REGION_INFO_FLAG_MMAP);

	if (ret)
		return ret;
	scoped_guard(rwsem_write, &cxlv->mem.lock)
		cxlv->mem.region_index = VFIO_PCI_NUM_REGIONS + cxlv->core.num_regions - 1;
	return add_region(cxlv, VFIO_REGION_SUBTYPE_CXL_COMP_REGS, &cxl_vfio_comp_region_ops,
			  cxl_vfio_comp_regs_size(&cxlv->hw.comp), 0);
}

static int open_registers(struct cxl_vfio_device *cxlv)
{
	int ret;

	guard(cxl_vfio_config)(cxlv->core.pdev);
	ret = cxl_vfio_regs_open(&cxlv->regs);
	if (!ret)
		cxl_vfio_note_command(cxlv);
	return ret;
}

static int open_device(struct cxl_vfio_device *cxlv)
{
	int ret = cxl_vfio_check_present(&cxlv->hw);
	bool locked;

	/* First: enabling resets the device, also under whoever has pages of it. */
	if (!ret)
		ret = cxl_vfio_tenancy_open(cxlv);
	if (ret)
		return ret;
	/* A CXL Reset that clears, and the reset that enabling is, would meet. */
	ret = cxl_vfio_clear_wait(cxlv) ?: cxl_vfio_wait_recovered(cxlv);
	if (!ret && !cxl_vfio_reset_end_close(cxlv))
		ret = -EAGAIN;
	if (!ret)
		ret = refuse_hung(cxlv);
	if (ret)
		goto err_backing;
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_OPEN);
	ret = vfio_pci_core_enable(&cxlv->core);
	pci_cfg_access_lock(cxlv->core.pdev);
	cxl_vfio_back(cxlv, CXL_VFIO_WHY_OPEN);
	pci_cfg_access_unlock(cxlv->core.pdev);
	if (ret)
		goto err_backing;

	lend_mapping(cxlv, cxlv->hw.comp.base);
	cxl_vfio_doe_open(cxlv);
	cxlv->memory_bar_register = 0;
	ret = clear_memory(cxlv);
	if (!ret)
		ret = add_regions(cxlv);
	if (!ret)
		ret = open_registers(cxlv);
	if (ret)
		goto err_disable;

	cxl_vfio_content_dirty(&cxlv->mem);
	vfio_pci_core_finish_enable(&cxlv->core);
	cxl_vfio_access_open(cxlv);
	return 0;

err_disable:
	/* The core's reset here is announced to nobody. */
	cxl_vfio_clear_stop(cxlv);
	lend_mapping(cxlv, IOMEM_ERR_PTR(-EBUSY));
	locked = cxl_vfio_reset_by_close_begin(cxlv);
	vfio_pci_core_disable(&cxlv->core);
	cxl_vfio_reset_by_close_end(cxlv, locked);
err_backing:
	cxl_vfio_tenancy_close(cxlv);
	return ret;
}

/* The PCI core's EAGAIN: another process has a lock. For VFIO's user it is "read events first". */
static long busy(long ret)
{
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int cxl_vfio_open(struct vfio_device *vdev)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	int ret = cxl_vfio_power_get(cxlv);

	if (!ret) {
		ret = busy(open_device(cxlv));
		if (ret)
			cxl_vfio_power_put(cxlv);
	}
	cxl_vfio_count(&cxlv->hw, ret ? CXL_VFIO_COUNT_OPENS_REFUSED : CXL_VFIO_COUNT_OPENS);
	if (ret)
		trace_cxl_vfio_refuse(&cxlv->core.pdev->dev, "open", ret);
	else
		trace_cxl_vfio_open(&cxlv->core.pdev->dev);
	return ret;
}

static void cxl_vfio_close(struct vfio_device *vdev)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	bool locked;

	cxl_vfio_cxl_reset_stop(cxlv);
	cxl_vfio_regs_close(&cxlv->regs);
	cxl_vfio_access_stop(cxlv);
	cxl_vfio_forget_user(cxlv);
	cxl_vfio_revoke_dma_bufs(cxlv);
	lend_mapping(cxlv, IOMEM_ERR_PTR(-EBUSY));
	locked = cxl_vfio_reset_by_close_begin(cxlv);
	vfio_pci_core_close_device(vdev);
	cxl_vfio_reset_by_close_end(cxlv, locked);
	trace_cxl_vfio_close(&cxlv->core.pdev->dev);
	cxl_vfio_tenancy_close(cxlv);
	cxl_vfio_power_put(cxlv);
}

/*
 * Again every ten seconds. The process that powered off the slot waits for this, and is the one
 * that would be told of a removal. No reset can be under way: unbind has the device lock.
 */
static void cxl_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);

	if (!cxl_vfio_is_present(&cxlv->hw))
		cxl_vfio_removed(cxlv);
	vfio_pci_core_request(vdev, count);
}

/*
 * A reset may have left the memory inactive. A VMM that has the memory as a BAR knows no event that
 * tells when it is active, so that waits, here, where no lock is held. Memory that does not become
 * active was logged, and is no reason to fail what was asked for.
 */
static int wait_as_bar(struct cxl_vfio_device *cxlv)
{
	return cxlv->memory_bar < 0 ? 0 : cxl_vfio_access_wait(cxlv);
}

/*
 * Touches the device past the command register that a user sees, and a guest's CXL Reset is not
 * to hold up a VMM's thread. Also of an index that needs no device: the core reads the index from
 * user memory, where it may change after a look at it here.
 */
static long set_irqs(struct cxl_vfio_device *cxlv, unsigned long arg)
{
	ACQUIRE(cxl_vfio_gate_try, gate)(cxlv);
	if (ACQUIRE_ERR(cxl_vfio_gate_try, &gate))
		return -EAGAIN;
	return vfio_pci_core_ioctl(&cxlv->core.vdev, VFIO_DEVICE_SET_IRQS, arg);
}

static long reset_by_pci(struct cxl_vfio_device *cxlv, unsigned int cmd, unsigned long arg)
{
	long ret;

	if (cxl_vfio_reset_by_user_begin(cxlv))
		return -EINTR;
	if (cmd == VFIO_DEVICE_RESET && cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		scoped_guard(rwsem_write, &cxlv->core.memory_lock)
			ret = cxl_vfio_reset_end_hung(cxlv);
	else
		ret = vfio_pci_core_ioctl(&cxlv->core.vdev, cmd, arg);
	return cxl_vfio_reset_by_user_end(cxlv, cmd == VFIO_DEVICE_PCI_HOT_RESET, ret);
}

/* As the PCI core does: where one way to reset the device fails, the next. */
static long reset_device(struct cxl_vfio_device *cxlv, unsigned int cmd, unsigned long arg)
{
	long ret;

	if (cxl_vfio_regs_events_full(&cxlv->regs))
		return -EAGAIN;
	if (cmd == VFIO_DEVICE_RESET && cxl_vfio_cxl_reset_by_ioctl(cxlv)) {
		ret = cxl_vfio_cxl_reset_and_wait(cxlv);
		if (ret != -EIO)
			return busy(ret);
	}
	/* What the PCI core saves before would be a device that has lost all. */
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR))
		return -EBUSY;
	ACQUIRE(cxl_vfio_gate_kill, gate)(cxlv);
	if (ACQUIRE_ERR(cxl_vfio_gate_kill, &gate))
		return -EINTR;
	/* The PCI core would wait for a minute, with memory_lock held. */
	return cxl_vfio_check_present(&cxlv->hw) ?: busy(reset_by_pci(cxlv, cmd, arg));
}

static long cxl_vfio_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return cxl_vfio_get_info(vdev, (void __user *)arg);
	case VFIO_DEVICE_IOEVENTFD:
		/* The core reads the target from user memory: no check here proves anything. */
		return -ENOTTY;
	case VFIO_DEVICE_RESET:
	case VFIO_DEVICE_PCI_HOT_RESET:
		return reset_device(cxlv, cmd, arg) ?: wait_as_bar(cxlv);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return cxl_vfio_get_irq_info(cxlv, (void __user *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(cxlv, arg);
	default:
		return vfio_pci_core_ioctl(vdev, cmd, arg);
	}
}

/* The core maps the ROM, and looks for its signature (pci_map_rom()): not in a CXL Reset. */
static int get_rom_info(struct cxl_vfio_device *cxlv, struct vfio_region_info *info,
			struct vfio_info_cap *caps)
{
	ACQUIRE(cxl_vfio_gate_try, gate)(cxlv);
	if (ACQUIRE_ERR(cxl_vfio_gate_try, &gate) ||
	    cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return -EAGAIN;
	return vfio_pci_ioctl_get_region_info(&cxlv->core.vdev, info, caps);
}

static int cxl_vfio_get_region_info(struct vfio_device *vdev, struct vfio_region_info *info,
				    struct vfio_info_cap *caps)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	int ret;

	if (info->index == VFIO_PCI_ROM_REGION_INDEX)
		return get_rom_info(cxlv, info, caps);
	ret = vfio_pci_ioctl_get_region_info(vdev, info, caps);
	if (ret)
		return ret;
	if ((int)info->index == cxlv->memory_bar) {
		info->size = cxl_vfio_memory_bar_size(cxlv);
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			      VFIO_REGION_INFO_FLAG_MMAP;
	}
	if (info->index <= VFIO_PCI_BAR5_REGION_INDEX)
		ret = cxl_vfio_bar_caps(cxlv, info, caps);
	/* For the reset at open, which holds the device set's lock. */
	if (!ret && (int)info->index == cxlv->memory_bar)
		ret = wait_as_bar(cxlv);
	return ret;
}

/* Cuts an access where its meaning changes. Returns bytes moved, or the first piece's error. */
static ssize_t cxl_vfio_rw(struct vfio_device *vdev, char __user *buf, size_t count,
			   loff_t *ppos, bool iswrite)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(*ppos);
	u64 next, size, pos = *ppos & VFIO_PCI_OFFSET_MASK;
	cxl_vfio_rw_fn rw;
	size_t done = 0;
	ssize_t ret = 0;

	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX ... VFIO_PCI_BAR5_REGION_INDEX:
		/* As vfio_pci_bar_rw(). */
		size = cxl_vfio_bar_len(cxlv, index);
		if (pos >= size)
			return -EINVAL;
		count = min(count, size - pos);
		break;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		/* Past the end, the core's answer is the right one. */
		size = cxlv->core.pdev->cfg_size;
		if (pos < size && count <= size - pos)
			break;
		fallthrough;
	default:
		return cxl_vfio_core_rw(cxlv, buf, count, ppos, iswrite);
	}
	while (done < count) {
		if (index == VFIO_PCI_CONFIG_REGION_INDEX)
			rw = cxl_vfio_config_rw_at(cxlv, pos + done, &next);
		else if ((int)index == cxlv->memory_bar)
			rw = cxl_vfio_memory_bar_rw_at(cxlv, pos + done, &next);
		else
			rw = cxl_vfio_bar_rw_at(cxlv, index, pos + done, &next);
		ret = rw(cxlv, buf + done, min_t(u64, count - done, next - (pos + done)), ppos,
			 iswrite);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}

static ssize_t cxl_vfio_read(struct vfio_device *vdev, char __user *buf, size_t count,
			     loff_t *ppos)
{
	return cxl_vfio_rw(vdev, buf, count, ppos, false);
}

static ssize_t cxl_vfio_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			      loff_t *ppos)
{
	return cxl_vfio_rw(vdev, (char __user *)buf, count, ppos, true);
}

static int cxl_vfio_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(offset);

	if (index <= VFIO_PCI_BAR5_REGION_INDEX &&
	    !cxl_vfio_bar_reaches(cxlv, index, offset & VFIO_PCI_OFFSET_MASK,
				  vma->vm_end - vma->vm_start))
		return -EINVAL;
	if ((int)index == cxlv->memory_bar)
		return cxl_vfio_memory_bar_mmap(cxlv, vma);
	return vfio_pci_core_mmap(vdev, vma);
}

static int cxl_vfio_feature(struct vfio_device *vdev, u32 flags, void __user *arg, size_t argsz)
{
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_CXL_EVENTS:
		return cxl_vfio_events_feature(vdev_to_cxl_vfio(vdev), flags, arg, argsz);
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		/* Down to D3cold, which costs the device its decoders. */
		return -ENOTTY;
	case VFIO_DEVICE_FEATURE_DMA_BUF:
		return cxl_vfio_dmabuf_feature(vdev_to_cxl_vfio(vdev), flags, arg, argsz);
	default:
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
	}
}

const struct vfio_device_ops cxl_vfio_ops = {
	.name = "cxl-vfio-pci",
	.init = cxl_vfio_init,
	.release = vfio_pci_core_release_dev,
	.open_device = cxl_vfio_open,
	.close_device = cxl_vfio_close,
	.ioctl = cxl_vfio_ioctl,
	.get_region_info_caps = cxl_vfio_get_region_info,
	.device_feature = cxl_vfio_feature,
	.read = cxl_vfio_read,
	.write = cxl_vfio_write,
	.mmap = cxl_vfio_mmap,
	.request = cxl_vfio_request,
	.match = vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};
