// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets by a user, by the VFIO core at open and close, and by the administrator. After
 * each the decoders are as the platform had them, or the memory is out of use and the log
 * says why.
 */
#include <linux/io.h>
#include <linux/memregion.h>
#include <linux/pci.h>

#include "life/life.h"
#include "trace.h"

/**
 * cxl_vfio_reset_quiesce - revoke the memory until a reset has ended
 * @cxlv: the device
 *
 * Ended by cxl_vfio_mem_allow() of CXL_VFIO_BLOCK_RESET.
 */
void cxl_vfio_reset_quiesce(struct cxl_vfio_device *cxlv)
{
	trace_cxl_vfio_reset_begin(&cxlv->core.pdev->dev);
	cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_BLOCK_RESET);
	/* Lines that users left dirty would be written to a decoder that is gone. */
	if (cxl_vfio_content_used(&cxlv->mem))
		cxl_vfio_mem_flush_cpu_caches(&cxlv->mem);
}

/**
 * cxl_vfio_reset_prepare - a reset is about to begin
 * @cxlv: the device
 *
 * From the PCI core, with the device lock and perhaps memory_lock held.
 */
void cxl_vfio_reset_prepare(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_reset_quiesce(cxlv);
	cxl_vfio_regs_reset_begin(&cxlv->regs);
}

/**
 * cxl_vfio_reset_hang - a CXL Reset did not end in its time
 * @cxlv: the device, whose lock is held
 *
 * It may still be at it, and only a conventional reset ends that: FLR leaves CXL.mem as
 * it is (9.5), and a write to PMCSR may be lost like any other. So until then the PCI
 * core takes neither, also for the administrator.
 */
void cxl_vfio_reset_hang(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	cxlv->hung_flags |= (PCI_DEV_FLAGS_NO_FLR_RESET | PCI_DEV_FLAGS_NO_PM_RESET) &
			    ~pdev->dev_flags;
	pdev->dev_flags |= cxlv->hung_flags;
	cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_BLOCK_HUNG);
}

/* The PCI core may take any reset again. */
static void allow_resets(struct cxl_vfio_device *cxlv)
{
	cxlv->core.pdev->dev_flags &= ~cxlv->hung_flags;
	cxlv->hung_flags = 0;
}

/*
 * The PCI core tells the end of a reset also where none could be made. Return: 0, also if
 * nothing hung; -ETIMEDOUT if it still does.
 */
static int unhang(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_is_hung(&cxlv->hw))
		return 0;
	if (cxl_vfio_dvsec_kept_mem_enable(&cxlv->hw))
		return -ETIMEDOUT;
	allow_resets(cxlv);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_BLOCK_HUNG);
	return 0;
}

/**
 * cxl_vfio_reset_restore - put back what a reset, or D3, took
 * @cxlv: the device, in D0; the device lock or memory_lock is held, or the
 *	  device is not open
 *
 * Does not wait for the memory to become active: cxl_vfio_mem_accessible() looks at
 * every access.
 *
 * Return: 0, or why the memory is out of use now, logged; -ENODEV also of a device that
 * was removed; -ETIMEDOUT also, with nothing done, of one that is still in a CXL Reset.
 */
int cxl_vfio_reset_restore(struct cxl_vfio_device *cxlv)
{
	int ret;

	if (cxl_vfio_is_absent(&cxlv->hw))
		return -ENODEV;
	ret = unhang(cxlv);
	if (ret)
		return ret;
	ret = cxl_vfio_platform_restore(&cxlv->hw, &cxlv->mem.hpa);
	if (ret)
		cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_BLOCK_UNUSABLE);
	else
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_BLOCK_UNUSABLE);
	return ret;
}

/**
 * cxl_vfio_reset_end_hung - end a CXL Reset that does not end by itself
 * @cxlv: the device, whose lock is not held; nobody is in its BARs
 *
 * By the first of the PCI device's reset_method that can. The VFIO core would have that
 * done without a lock on the bridge.
 *
 * Return: 0, also if there is none; -EAGAIN if a lock that is needed is taken; -ENODEV
 * if the device does not answer, logged; or why it has not ended.
 */
int cxl_vfio_reset_end_hung(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	int ret;

	if (!cxl_vfio_is_hung(&cxlv->hw))
		return 0;
	ret = cxl_vfio_check_present(&cxlv->hw);
	if (ret)
		return ret;
	if (bridge && !pci_dev_trylock(bridge))
		return -EAGAIN;
	ret = pci_try_reset_function(pdev);
	if (bridge)
		pci_dev_unlock(bridge);
	return cxl_vfio_is_hung(&cxlv->hw) ? ret ?: -ETIMEDOUT : 0;
}

/*
 * The same reset from unbind, which has the device lock. So no other reset of the bus can be under
 * way; one that waits for unbind may have the bridge. The registers are what the last
 * close found at open: what it wrote back of them may be lost.
 */
static int reset_locked(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool locked = bridge && pci_dev_trylock(bridge);
	int ret;

	pci_cfg_access_lock(pdev);
	ret = __pci_reset_function_locked(pdev);
	pci_restore_state(pdev);
	pci_cfg_access_unlock(pdev);
	if (locked)
		pci_dev_unlock(bridge);
	return ret;
}

/**
 * cxl_vfio_reset_restore_at_unbind - leave the decoders as the platform had them
 * @cxlv: the device, being unbound, which no process has open any more
 *
 * The last close could not, if it was unbind that it waited for: that has the device lock.
 */
void cxl_vfio_reset_restore_at_unbind(struct cxl_vfio_device *cxlv)
{
	int ret = -ENODEV;

	if (cxl_vfio_is_hung(&cxlv->hw) && cxl_vfio_is_present(&cxlv->hw))
		ret = reset_locked(cxlv);
	cxl_vfio_reset_restore(cxlv);
	if (cxl_vfio_is_hung(&cxlv->hw) && !cxl_vfio_is_absent(&cxlv->hw))
		pci_err(cxlv->core.pdev, "left in a CXL Reset that no reset of its bus has ended (%pe): its memory cannot be reached until one does\n",
			ERR_PTR(ret ?: -ETIMEDOUT));
	allow_resets(cxlv);
}

/**
 * cxl_vfio_reset_ended - count and tell the end of a reset
 * @cxlv: the device
 * @kind: what it did to the registers
 * @ret: 0, or why it failed, or the memory is out of use since
 */
void cxl_vfio_reset_ended(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret)
{
	trace_cxl_vfio_reset_end(&cxlv->core.pdev->dev, kind, ret);
	cxl_vfio_count(&cxlv->hw, ret ? CXL_VFIO_COUNT_RESETS_FAILED : CXL_VFIO_COUNT_RESETS);
}

/**
 * cxl_vfio_reset_done - a reset has ended
 * @cxlv: the device
 *
 * The virtual registers follow what the device was seen to do. But a reset
 * that the user of the device itself asked for is the machine's, whichever way
 * the PCI core resets the function: it lets go of the virtual decoder, lock
 * and all, so that the next firmware can place it.
 */
void cxl_vfio_reset_done(struct cxl_vfio_device *cxlv)
{
	bool lost = (!unhang(cxlv) && cxl_vfio_platform_decoder_lost(&cxlv->hw)) ||
		    atomic_read(&cxlv->user_resets);
	enum cxlr_reset kind = lost ? CXLR_RESET_CONVENTIONAL : CXLR_RESET_FLR;
	int ret = cxl_vfio_reset_restore(cxlv);

	/* One that was woken for the reset could not be asked yet. */
	if (!ret)
		cxl_vfio_ras_unmask(&cxlv->hw);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_BLOCK_RESET);
	cxl_vfio_regs_reset_end(&cxlv->regs, kind, ret);
	cxl_vfio_reset_ended(cxlv, kind, ret);
}
