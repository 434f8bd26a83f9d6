// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: the core's, but for the CXL DVSECs, which are virtual
 * registers (virt/regs.c).
 */
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* DVSEC accesses are cut into pieces of so many bytes. */
#define PIECE_SIZE	64

/*
 * What has the byte: a CXL DVSEC, or the core (NULL); and where the next piece
 * begins. The header that links a DVSEC into the chain of capabilities is the
 * core's, which shows a chain of its own.
 */
static const struct cxlr_block *dvsec_at(struct cxl_vfio_device *cxlv, u32 pos, u32 *next)
{
	const struct cxlr_block *block = cxlv->hw.dvsecs.block;
	unsigned int i;

	*next = U32_MAX;
	for (i = 0; i < cxlv->hw.dvsecs.count; i++) {
		u32 start = block[i].at + CXLR_DVSEC_HDR1, end = block[i].at + block[i].size;

		if (pos >= start && pos < end) {
			*next = end;
			return &block[i];
		}
		if (start > pos)
			*next = min(*next, start);
	}
	return NULL;
}

static bool overlaps(u64 pos, size_t count, u32 start, u32 len)
{
	return pos < start + len && pos + count > start;
}

static bool in_command(u64 pos, size_t count)
{
	return overlaps(pos, count, PCI_COMMAND, sizeof(u16));
}

static bool in_power(struct pci_dev *pdev, u64 pos, size_t count)
{
	return pdev->pm_cap && overlaps(pos, count, pdev->pm_cap + PCI_PM_CTRL, sizeof(u16));
}

/* Whether a write may reset the function: Initiate FLR is in Device Control. */
static bool may_reset(struct pci_dev *pdev, u64 pos, size_t count)
{
	return overlaps(pos, count, pdev->pcie_cap + PCI_EXP_DEVCTL, sizeof(u16));
}

/* What the user has enabled now; whether that is memory. */
static bool command_written(struct cxl_vfio_device *cxlv)
{
	guard(rwsem_write)(&cxlv->core.memory_lock);

	pci_cfg_access_lock(cxlv->core.pdev);
	cxl_vfio_note_command(cxlv);
	pci_cfg_access_unlock(cxlv->core.pdev);
	return __vfio_pci_memory_enabled(&cxlv->core);
}

/*
 * The core takes the BARs' mappings away when memory is turned off, but knows nothing of this
 * region. No mapping of it is left when this returns; read() and faults look at memory enable
 * themselves. So a write that leaves memory on removes no mapping.
 */
static ssize_t command_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			     loff_t *ppos)
{
	ssize_t ret = vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);

	if (!command_written(cxlv)) {
		cxl_vfio_leave(cxlv, CXL_VFIO_WHY_COMMAND);
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_COMMAND);
	}
	return ret;
}

/*
 * All access to the memory ends before the device is in D3. This is done for every write to
 * PMCSR: the core reads what is written from user memory, which may have changed since a look
 * at it here. Faults that come meanwhile are tried again; they find out then what changed. The
 * caller's own get SIGBUS: the core reads the user's buffer in here, which may be this very
 * memory. A device that came back from D3 may have lost its decoders.
 */
static ssize_t power_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			   loff_t *ppos)
{
	ssize_t ret;

	if (mutex_lock_killable(&cxlv->mem.config_lock))
		return -EINTR;
	WRITE_ONCE(cxlv->mem.config_owner, current);
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_POWER);
	ret = vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);
	scoped_guard(rwsem_write, &cxlv->core.memory_lock) {
		pci_cfg_access_lock(cxlv->core.pdev);
		cxl_vfio_note_command(cxlv);
		cxl_vfio_back(cxlv, CXL_VFIO_WHY_POWER);
		pci_cfg_access_unlock(cxlv->core.pdev);
	}
	WRITE_ONCE(cxlv->mem.config_owner, NULL);
	mutex_unlock(&cxlv->mem.config_lock);
	return ret;
}

/*
 * A device in a CXL Reset loses what is written, and comes back with what it had. It is not
 * read either: it need not answer (9.7.3), and the processor that reads may wait for it.
 */
static bool is_lost(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_cxl_reset_keep_off(cxlv))
		return true;
	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return false;
	cxl_vfio_cxl_reset_let(cxlv);
	return true;
}

/*
 * One that is gone loses it as well; the core would wait for it to come back from an FLR. And
 * one whose link is being reset: it comes back with what it had.
 */
static ssize_t kept_off_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			      loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	bool power = in_power(cxlv->core.pdev, pos, count);

	if (!power && !in_command(pos, count) && !may_reset(cxlv->core.pdev, pos, count))
		return vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);
	if (READ_ONCE(cxlv->link_reset) || cxl_vfio_check_present(&cxlv->hw))
		return cxl_vfio_rw_nothing(buf, count, ppos, true);
	if (power)
		return power_write(cxlv, buf, count, ppos);
	return in_command(pos, count) ? command_write(cxlv, buf, count, ppos) :
					vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);
}

static ssize_t core_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			  loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;

	if (may_reset(cxlv->core.pdev, pos, count) && cxl_vfio_regs_events_full(&cxlv->regs))
		return -EAGAIN;
	if (is_lost(cxlv))
		return cxl_vfio_rw_nothing(buf, count, ppos, true);
	ret = kept_off_write(cxlv, buf, count, ppos);
	cxl_vfio_cxl_reset_let(cxlv);
	return ret;
}

/*
 * Ones, but for PMCSR: a CXL Reset is made in D0, and a VMM that resets the device looks for
 * that first.
 */
static ssize_t read_in_reset(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			     loff_t *ppos)
{
	u32 pos = *ppos & VFIO_PCI_OFFSET_MASK, at = cxlv->core.pdev->pm_cap + PCI_PM_CTRL;
	static const u8 d0[sizeof(u16)] = { };
	ssize_t ret = cxl_vfio_rw_nothing(buf, count, ppos, false);

	if (ret > 0 && in_power(cxlv->core.pdev, pos, count) && pos <= at &&
	    pos + count >= at + sizeof(d0) && copy_to_user(buf + (at - pos), d0, sizeof(d0)))
		return -EFAULT;
	return ret;
}

static ssize_t core_read(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			 loff_t *ppos)
{
	ssize_t ret;

	if (is_lost(cxlv))
		return read_in_reset(cxlv, buf, count, ppos);
	ret = vfio_pci_core_read(&cxlv->core.vdev, buf, count, ppos);
	cxl_vfio_cxl_reset_let(cxlv);
	return ret;
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

/**
 * cxl_vfio_config_rw - read or write configuration space
 * @cxlv: the device
 * @buf: user memory
 * @count: bytes
 * @ppos: position with the configuration region's index
 * @iswrite: which
 *
 * Cuts the access where its meaning changes. Return: bytes moved, or the
 * first piece's error.
 */
ssize_t cxl_vfio_config_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			   loff_t *ppos, bool iswrite)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	u64 size = cxlv->core.pdev->cfg_size;
	size_t done = 0;
	ssize_t ret = 0;
	u32 next;

	/* The core's answer to these is the right one. */
	if (pos >= size || count > size - pos)
		return iswrite ? vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos) :
				 vfio_pci_core_read(&cxlv->core.vdev, buf, count, ppos);

	while (done < count) {
		const struct cxlr_block *dvsec = dvsec_at(cxlv, pos + done, &next);
		size_t len = min_t(size_t, count - done, next - (pos + done));

		if (dvsec)
			ret = dvsec_rw(cxlv, buf + done, len, ppos, iswrite);
		else if (iswrite)
			ret = core_write(cxlv, buf + done, len, ppos);
		else
			ret = core_read(cxlv, buf + done, len, ppos);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}
