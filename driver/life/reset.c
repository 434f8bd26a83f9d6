// SPDX-License-Identifier: GPL-2.0-only
/* Resets by a user, by the VFIO core at open and close, and by the administrator. */
#include <linux/pci.h>

#include "life/life.h"
#include "trace.h"

/* A reset is about to begin; the device lock is held, and perhaps memory_lock. */
void cxl_vfio_reset_begin(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why)
{
	trace_cxl_vfio_reset_begin(&cxlv->core.pdev->dev);
	cxl_vfio_regs_reset_begin(&cxlv->regs);
	cxl_vfio_leave(cxlv, why);
}

/*
 * Ends a CXL Reset that does not end by itself, by the first of the PCI device's reset_method that
 * can. The VFIO core would not lock the bridge. The device lock is not held, and BARs are not
 * accessed. Returns 0, also if there is none; -EAGAIN if a lock that is needed is taken; -ENODEV
 * if the device does not answer, logged; or why it has not ended.
 */
int cxl_vfio_reset_end_hung(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	int ret;

	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return 0;
	ret = cxl_vfio_check_present(&cxlv->hw);
	if (ret)
		return ret;
	if (bridge && !pci_dev_trylock(bridge))
		return -EAGAIN;
	ret = pci_try_reset_function(pdev);
	if (bridge)
		pci_dev_unlock(bridge);
	return cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG) ? ret ?: -ETIMEDOUT : 0;
}

/*
 * The same from unbind, which has the device lock. So no other reset of the bus can be under way;
 * one that waits for unbind may have the bridge. What the last close wrote of configuration space
 * may be lost, so it is restored.
 */
static int reset_locked(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool locked = bridge && pci_dev_trylock(bridge);
	int ret;

	scoped_guard(cxl_vfio_config, pdev) {
		ret = __pci_reset_function_locked(pdev);
		pci_restore_state(pdev);
	}
	if (locked)
		pci_dev_unlock(bridge);
	return ret;
}

/*
 * Nothing stays of what the last user had configured. The VFIO core restores what it found at
 * open; but a reset that begins meanwhile has saved the user's, and the core restores that
 * (pci_save_state() of both is in the same place).
 */
static void forget_config(struct cxl_vfio_device *cxlv)
{
	WRITE_ONCE(cxlv->close_left, false);
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG) || !cxl_vfio_is_present(&cxlv->hw))
		return;
	cxl_vfio_platform_restore_config(&cxlv->hw);
	/* As the core's pci_disable_device(). */
	pci_clear_master(cxlv->core.pdev);
}

static void restore_after_close(struct cxl_vfio_device *cxlv)
{
	forget_config(cxlv);
	cxl_vfio_back(cxlv, CXL_VFIO_WHY_CLOSE);
}

/*
 * Leaves the decoders as the platform had them; no process has the device open any more. The last
 * close could not, if it was unbind that it waited for: that has the device lock.
 */
void cxl_vfio_reset_restore_at_unbind(struct cxl_vfio_device *cxlv)
{
	int ret = -ENODEV;

	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_CLOSE);
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG) && cxl_vfio_is_present(&cxlv->hw))
		ret = reset_locked(cxlv);
	scoped_guard(cxl_vfio_config, cxlv->core.pdev) {
		cxlv->hw.cache_denied = false;
		restore_after_close(cxlv);
	}
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG) && !cxl_vfio_is_absent(&cxlv->hw))
		pci_err(cxlv->core.pdev, "left in a CXL Reset that no reset of its bus has ended (%pe): its memory cannot be reached until one does\n",
			ERR_PTR(ret ?: -ETIMEDOUT));
	cxl_vfio_allow_resets(cxlv);
}

/* Count and trace the end of a reset, after which the device is in D0, for its user too. */
void cxl_vfio_reset_ended(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret)
{
	trace_cxl_vfio_reset_end(&cxlv->core.pdev->dev, kind, ret);
	cxl_vfio_count(&cxlv->hw, ret ? CXL_VFIO_COUNT_RESETS_FAILED : CXL_VFIO_COUNT_RESETS);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_POWER);
}

/* @lost: the device is as after a conventional reset. */
static void tell_end(struct cxl_vfio_device *cxlv, bool lost, int ret)
{
	enum cxlr_reset kind = lost ? CXLR_RESET_CONVENTIONAL : CXLR_RESET_FLR;

	/* First: a task that waits for the reset's end waits for the memory next. */
	cxl_vfio_access_begin(cxlv);
	cxl_vfio_regs_reset_end(&cxlv->regs, kind, ret);
	cxl_vfio_reset_ended(cxlv, kind, ret);
	cxl_vfio_access_begin(cxlv);
}

/*
 * A reset has ended, as in cxl_vfio_back(). The virtual registers follow what the device was seen
 * to do. The end of a reset that the user of the device itself asked for is told when the PCI core
 * has said whether it was made: cxl_vfio_reset_by_user_end().
 */
void cxl_vfio_reset_end(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why)
{
	bool hung = cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG);
	bool lost = hung || cxl_vfio_platform_decoder_lost(&cxlv->hw);
	bool kept = !lost && cxl_vfio_dvsec_kept_mem_enable(&cxlv->hw);
	struct cxl_vfio_user_reset *user = &cxlv->user_reset;
	int ret;

	/* What is put back now is all there is to put back. */
	if (READ_ONCE(cxlv->close_left)) {
		forget_config(cxlv);
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_CLOSE);
	}
	ret = cxl_vfio_back(cxlv, why);
	/* None was made. */
	if (hung && cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		lost = false;
	if (READ_ONCE(user->task) != current) {
		tell_end(cxlv, lost, ret);
		return;
	}
	user->ended = true;
	user->lost = lost;
	user->kept = kept;
	user->ret = ret;
}

/*
 * The PCI core is about to be asked for a reset of a device that is open; no CXL Reset can begin.
 * Ended by cxl_vfio_reset_by_user_end(). Returns 0, or -EINTR when killed.
 */
int cxl_vfio_reset_by_user_begin(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_user_reset *user = &cxlv->user_reset;

	if (mutex_lock_killable(&user->lock))
		return -EINTR;
	user->ended = false;
	WRITE_ONCE(user->task, current);
	return 0;
}

/*
 * The PCI core has answered @ret; @bus: it was asked for a reset of the bus.
 *
 * A reset that was made is the machine's, whichever way the PCI core reset the function: it
 * releases the virtual decoder and its lock, and the machine's firmware places it again. A reset
 * that was not made leaves the virtual registers alone. That is told of a reset of the bus
 * by what the device kept, for the PCI core succeeds also where the port above masks it
 * (8.1.5.2, pci_bridge_secondary_bus_reset()).
 *
 * Returns 0; @ret; -ETIMEDOUT if the device is still in a CXL Reset; -EIO, logged, if the
 * reset did not reach it.
 */
int cxl_vfio_reset_by_user_end(struct cxl_vfio_device *cxlv, bool bus, int ret)
{
	struct cxl_vfio_user_reset *user = &cxlv->user_reset;

	WRITE_ONCE(user->task, NULL);
	if (!ret && cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		ret = -ETIMEDOUT;
	if (!ret && bus && user->ended && user->kept) {
		dev_err_ratelimited(&cxlv->core.pdev->dev,
				    "the bus reset did not reach the device: have the port above unmask it (Unmask SBR)\n");
		ret = -EIO;
	}
	if (user->ended)
		tell_end(cxlv, !ret || user->lost, ret ?: user->ret);
	mutex_unlock(&user->lock);
	return ret;
}

/* Returns whether the device lock could be had. */
static bool try_end_close(struct cxl_vfio_device *cxlv)
{
	if (!pci_dev_trylock(cxlv->core.pdev))
		return false;
	restore_after_close(cxlv);
	pci_dev_unlock(cxlv->core.pdev);
	return true;
}

/*
 * Puts back what the VFIO core's reset at close took: no callback announces a reset of the
 * function. If the device lock is taken, the restore is left to its holder or the next open:
 * unbind holds it while it waits for the close, and another reset while that is under way.
 * Returns whether there is nothing to put back any more.
 */
bool cxl_vfio_reset_end_close(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_CLOSE) || try_end_close(cxlv))
		return true;
	WRITE_ONCE(cxlv->close_left, true);
	/* Or the reset ended before it could see that. */
	return try_end_close(cxlv);
}

/*
 * The VFIO core is about to disable the device, and to reset it. A device that does not answer is
 * not to be reset: the PCI core would wait for it for a minute (pci_dev_wait()). So its lock is
 * taken, which the VFIO core only tries. Returns cxl_vfio_reset_by_close_end()'s @locked.
 */
bool cxl_vfio_reset_by_close_begin(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_CLOSE);
	cxlv->user_reset.ended = false;
	WRITE_ONCE(cxlv->user_reset.task, current);
	return !cxl_vfio_is_present(&cxlv->hw) && device_trylock(&cxlv->core.pdev->dev);
}

/*
 * The VFIO core has disabled the device, and reset it, if it could: it only tries. Where the
 * function cannot be reset it resets the bus, and takes that for made also where the port above
 * masks it, as in cxl_vfio_reset_by_user_end(). Then what the device's user had it do goes on.
 */
void cxl_vfio_reset_by_close_end(struct cxl_vfio_device *cxlv, bool locked)
{
	struct cxl_vfio_user_reset *user = &cxlv->user_reset;

	WRITE_ONCE(user->task, NULL);
	if (locked)
		device_unlock(&cxlv->core.pdev->dev);
	cxl_vfio_reset_end_close(cxlv);
	if (user->ended) {
		tell_end(cxlv, user->lost, user->ret);
		if (user->kept)
			cxlv->core.needs_reset = true;
	}
	WRITE_ONCE(cxlv->clear.quiet, !cxlv->core.needs_reset);
	WRITE_ONCE(cxlv->mem.exported, false);
}
