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

/* Whether a write may change memory enable or the power state. */
static bool changes_access(struct pci_dev *pdev, u64 pos, size_t count)
{
	return overlaps(pos, count, PCI_COMMAND, sizeof(u16)) ||
	       (pdev->pm_cap && overlaps(pos, count, pdev->pm_cap + PCI_PM_CTRL, sizeof(u16)));
}

/* Whether a write may reset the function: Initiate FLR is in Device Control. */
static bool may_reset(struct pci_dev *pdev, u64 pos, size_t count)
{
	return overlaps(pos, count, pdev->pcie_cap + PCI_EXP_DEVCTL, sizeof(u16));
}

/*
 * A user is about to change memory enable or power.
 *
 * The core takes the BARs' mappings away when it sees such a change, but
 * knows nothing of this region. Faults that come before
 * config_end() are tried again; they find out then what changed.
 * This is done for every write to the registers in question: the core reads
 * what is written from user memory, which may have changed since a look at it
 * here. The caller's own get SIGBUS: the core reads the user's buffer in here, which
 * may be this very memory.
 *
 * Return: 0, or -EINTR when killed.
 */
static int config_begin(struct cxl_vfio_device *cxlv)
{
	if (mutex_lock_killable(&cxlv->mem.config_lock))
		return -EINTR;
	WRITE_ONCE(cxlv->mem.config_owner, current);
	cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_BLOCK_CONFIG);
	return 0;
}

/* The change is made. A device that came back from D3 may have lost its decoders. */
static void config_end(struct cxl_vfio_device *cxlv)
{
	scoped_guard(rwsem_write, &cxlv->core.memory_lock)
		if (cxlv->core.pdev->current_state == PCI_D0)
			cxl_vfio_reset_restore(cxlv);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_BLOCK_CONFIG);
	WRITE_ONCE(cxlv->mem.config_owner, NULL);
	mutex_unlock(&cxlv->mem.config_lock);
}

static ssize_t access_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			    loff_t *ppos)
{
	ssize_t ret;

	ret = config_begin(cxlv);
	if (ret)
		return ret;
	ret = vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);
	config_end(cxlv);
	return ret;
}

/* A device in a CXL Reset loses what is written, and comes back with what it had. */
static bool is_lost(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_cxl_reset_keep_off(cxlv))
		return true;
	if (!cxl_vfio_is_hung(&cxlv->hw))
		return false;
	cxl_vfio_cxl_reset_let(cxlv);
	return true;
}

/* One that is gone loses it as well; the core would wait for it to come back from an FLR. */
static ssize_t kept_off_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			      loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	bool access = changes_access(cxlv->core.pdev, pos, count);

	if ((access || may_reset(cxlv->core.pdev, pos, count)) &&
	    cxl_vfio_check_present(&cxlv->hw)) {
		*ppos += count;
		return count;
	}
	return access ? access_write(cxlv, buf, count, ppos) :
			vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos);
}

static ssize_t core_write(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			  loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;

	if (may_reset(cxlv->core.pdev, pos, count) && cxl_vfio_regs_events_full(&cxlv->regs))
		return -EAGAIN;
	if (is_lost(cxlv)) {
		*ppos += count;
		return count;
	}
	ret = kept_off_write(cxlv, buf, count, ppos);
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
			ret = vfio_pci_core_read(&cxlv->core.vdev, buf + done, len, ppos);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}
