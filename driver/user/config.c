// SPDX-License-Identifier: GPL-2.0-only
/* Configuration space: the core's, but for CXL DVSECs, PMCSR and the memory's BAR, all virtual. */
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* DVSEC accesses are cut into pieces of so many bytes. */
#define PIECE_SIZE	64

static bool touches_bytes(u64 pos, size_t count, u32 start, u32 len)
{
	return pos < start + len && pos + count > start;
}

/*
 * Whether a write may reset the function: Initiate FLR is in Device Control, and in the Advanced
 * Features capability (vfio_af_config_write()). Ids of extended capabilities are others.
 */
static bool may_reset(struct cxl_vfio_device *cxlv, u64 pos, size_t count)
{
	u32 control = cxlv->core.pdev->pcie_cap + PCI_EXP_DEVCTL;

	return touches_bytes(pos, count, control, sizeof(u16)) ||
	       (pos < PCI_CFG_SPACE_SIZE &&
		memchr(cxlv->core.pci_config_map + pos, PCI_CAP_ID_AF,
		       min(count, PCI_CFG_SPACE_SIZE - pos)));
}

/*
 * The core takes the BARs' mappings away when memory is turned off, but knows nothing of this
 * region. No mapping of it is left when this returns. A write that leaves memory on removes none.
 * Either may change whether the memory may be touched, which is an event.
 *
 * One at a time: the core compares with what it has read of the device before its lock, and
 * takes the writes of two threads for a reset behind its back (vfio_basic_config_write()).
 */
static ssize_t command_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			     loff_t *ppos)
{
	ssize_t ret;

	scoped_cond_guard(mutex_kill, return -EINTR, &cxlv->command_lock) {
		if (cxl_vfio_regs_events_full(&cxlv->regs))
			return -EAGAIN;
		ret = vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);

		guard(rwsem_write)(&cxlv->core.memory_lock);
		scoped_guard(cxl_vfio_config, cxlv->core.pdev)
			cxl_vfio_note_command(cxlv);
		cxl_vfio_access_publish(cxlv);
		if (!__vfio_pci_memory_enabled(&cxlv->core))
			cxl_vfio_mem_zap(&cxlv->mem);
	}
	/* The core allows dma-bufs where memory is enabled. */
	cxl_vfio_settle_dma_bufs(cxlv);
	return ret;
}

static ssize_t core_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
		       loff_t *ppos, bool iswrite)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	bool command = iswrite && touches_bytes(pos, count, PCI_COMMAND, sizeof(u16));
	bool resets = iswrite && may_reset(cxlv, pos, count);
	ssize_t ret;

	if (resets && cxl_vfio_regs_events_full(&cxlv->regs))
		return -EAGAIN;
	/*
	 * A device in a CXL Reset loses what is written, and comes back with what it had. It is not
	 * read either: it need not answer (9.7.3), and the processor that reads may wait for it.
	 */
	ACQUIRE(cxl_vfio_gate_try, gate)(cxlv);
	if (ACQUIRE_ERR(cxl_vfio_gate_try, &gate) ||
	    cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return cxl_vfio_rw_nothing(cxlv, buf, count, ppos, iswrite);
	/*
	 * One that is gone loses it as well; the core would wait for it to come back from an FLR.
	 * And one whose link is being reset: it comes back with what it had.
	 */
	if ((command || resets) &&
	    (READ_ONCE(cxlv->link_reset) || cxl_vfio_check_present(&cxlv->hw)))
		return cxl_vfio_rw_nothing(cxlv, buf, count, ppos, iswrite);
	if (command)
		return command_write(cxlv, buf, count, ppos);
	ret = cxl_vfio_core_rw(cxlv, buf, count, ppos, iswrite);
	/* A reset's callback could not: the core had memory_lock. */
	if (resets)
		cxl_vfio_access_update(cxlv);
	return ret;
}

/*
 * Until the user sets D0 again, or resets the device. Return: 0; -EAGAIN while the event queue is
 * full; -EINTR when killed.
 */
static int set_power(struct cxl_vfio_device *cxlv, pci_power_t state)
{
	bool asleep = cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_POWER);

	if (state != PCI_D3hot && state != PCI_D0)
		return 0;
	scoped_cond_guard(mutex_kill, return -EINTR, &cxlv->command_lock) {
		if (cxl_vfio_regs_events_full(&cxlv->regs))
			return -EAGAIN;
		if (state == PCI_D3hot)
			cxl_vfio_leave(cxlv, CXL_VFIO_WHY_POWER);
		else
			cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_POWER);
	}
	cxl_vfio_settle_dma_bufs(cxlv);
	if (state == PCI_D0 && asleep)
		cxl_vfio_access_begin(cxlv);
	return 0;
}

/* PMCSR is virtual, with No_Soft_Reset (PCIe 5.3.1.4); docs/lifecycle.md says why (Power). */
static ssize_t power_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			loff_t *ppos, bool iswrite)
{
	u32 at = (*ppos & VFIO_PCI_OFFSET_MASK) - cxlv->core.pdev->pm_cap - PCI_PM_CTRL;
	bool asleep = cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_POWER);
	u8 low, bytes[sizeof(u16)] = {
		PCI_PM_CTRL_NO_SOFT_RESET | (asleep ? PCI_PM_CTRL_STATE_MASK : 0),
	};
	int ret;

	if (cxl_vfio_is_absent(&cxlv->hw))
		return cxl_vfio_rw_nothing(cxlv, buf, count, ppos, iswrite);
	if (!iswrite && copy_to_user(buf, bytes + at, count))
		return -EFAULT;
	if (iswrite && !at) {
		if (get_user(low, (u8 __user *)buf))
			return -EFAULT;
		ret = set_power(cxlv, (__force pci_power_t)(low & PCI_PM_CTRL_STATE_MASK));
		if (ret)
			return ret;
	}
	*ppos += count;
	return count;
}

static ssize_t dvsec_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			loff_t *ppos, bool iswrite)
{
	u32 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	u8 piece[PIECE_SIZE];
	int ret;

	count = min(count, sizeof(piece));
	if (iswrite) {
		if (copy_from_user(piece, buf, count))
			return -EFAULT;
		ret = cxl_vfio_regs_dvsec_write(&cxlv->regs, pos, piece, count);
		if (ret)
			return ret;
		cxl_vfio_cxl_reset_kick(cxlv);
	} else {
		cxl_vfio_regs_dvsec_read(&cxlv->regs, pos, piece, count);
		if (copy_to_user(buf, piece, count))
			return -EFAULT;
	}
	*ppos += count;
	return count;
}

/*
 * What answers for byte @pos, up to @next. The header that links a DVSEC into the chain of
 * capabilities is the core's, which shows a chain of its own.
 */
cxl_vfio_rw_fn cxl_vfio_config_rw_at(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next)
{
	const struct cxlr_block *block = cxlv->hw.dvsecs.block;
	u32 power = cxlv->core.pdev->pm_cap + PCI_PM_CTRL;
	unsigned int i;

	*next = U64_MAX;
	for (i = 0; i < cxlv->hw.dvsecs.count; i++, block++)
		if (cxl_vfio_is_inside(block->at + CXLR_DVSEC_HDR1,
				       block->at + block->size - 1, pos, next))
			return dvsec_rw;
	if (cxl_vfio_is_memory_bar_register(cxlv, pos, next))
		return cxl_vfio_memory_bar_register_rw;
	if (cxlv->core.pdev->pm_cap && cxl_vfio_is_inside(power, power + 1, pos, next))
		return power_rw;
	return core_rw;
}
