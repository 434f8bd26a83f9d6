// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of the device: told to the user by VFIO's error eventfd, and recovered from by the PCI
 * core. What the device says of the CXL protocols is in its RAS capability (hw/ras.c).
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>

#include "life/life.h"
#include "trace.h"

#define POLL_MS		10

/*
 * Take the errors of a status register: log them, let the user see them in the virtual one, and
 * have the device forget them. Return: whether there were some.
 */
static bool take_errors(struct cxl_vfio_device *cxlv, bool correctable)
{
	u32 offset = correctable ? CXLR_RAS_COR_STATUS : CXLR_RAS_UNCOR_STATUS;
	u32 at = cxl_vfio_ras_at(&cxlv->hw), status;
	struct pci_dev *pdev = cxlv->core.pdev;
	DECLARE_SEQ_BUF(names, 256);
	u16 command;

	/* It may still be in its CXL Reset. */
	if (!at || cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return false;
	command = cxl_vfio_mmio_begin(pdev);
	status = cxl_vfio_regs_take_status(&cxlv->regs, at + offset);
	cxl_vfio_mmio_end(pdev, command);
	status &= correctable ? CXLR_RAS_COR_ALL : CXLR_RAS_UNCOR_ALL;
	if (!status)
		return false;

	cxl_vfio_ras_name_errors(&names, offset, status);
	trace_cxl_vfio_protocol_error(&pdev->dev, !correctable, status);
	cxl_vfio_count(&cxlv->hw, correctable ? CXL_VFIO_COUNT_ERRORS_CORRECTED :
						CXL_VFIO_COUNT_ERRORS);
	if (correctable)
		dev_warn_ratelimited(&pdev->dev, "correctable CXL errors:%s\n",
				     seq_buf_str(&names));
	else
		pci_err(pdev, "uncorrectable CXL errors:%s\n", seq_buf_str(&names));
	return true;
}

/* Log correctable errors. The device is awake, and configuration access locked. */
void cxl_vfio_correctable_errors(struct cxl_vfio_device *cxlv)
{
	take_errors(cxlv, true);
}

/*
 * AER's thread has no lock here, so that the device may be unbound, or be with another driver
 * by now, or be reset: then the error stays where it is, and is found at the end of that. Nor
 * does it have the device awake, as it does for recovery.
 */
static void cor_error_detected(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv;

	if (!device_trylock(&pdev->dev))
		return;
	if (pdev->driver && pdev->driver->err_handler == &cxl_vfio_err_handlers) {
		cxlv = pdev_to_cxl_vfio(pdev);
		if (!cxl_vfio_power_get(cxlv)) {
			scoped_guard(cxl_vfio_config, pdev)
				cxl_vfio_correctable_errors(cxlv);
			cxl_vfio_power_put(cxlv);
		}
	}
	device_unlock(&pdev->dev);
}

/*
 * Who resets a port's bus (reset_subordinate) wakes nobody below, and has the bridges on
 * the way down decode nothing by now, so what waking puts back waits for the end of the
 * reset. Under VFIO's resets, which hold memory_lock, the device is awake already. One
 * that cannot be woken is reset all the same.
 */
static void reset_prepare(struct pci_dev *pdev)
{
	cxl_vfio_reset_begin(pdev_to_cxl_vfio(pdev), CXL_VFIO_WHY_RESET);
	pm_runtime_get_sync(&pdev->dev);
}

static void reset_done(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	cxl_vfio_reset_end(cxlv, CXL_VFIO_WHY_RESET);
	if (!cxl_vfio_is_absent(&cxlv->hw))
		cxl_vfio_correctable_errors(cxlv);
	cxl_vfio_power_put(cxlv);
}

static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);
	pci_ers_result_t ret;
	bool lost;

	if (state == pci_channel_io_perm_failure) {
		cxl_vfio_removed(cxlv);
		return vfio_pci_core_aer_err_detected(pdev, state);
	}
	/* A frozen link is reset, and comes back with nothing programmed. */
	lost = state == pci_channel_io_frozen;
	WRITE_ONCE(cxlv->link_reset, lost);
	/* With what the VFIO core has masked of interrupts since the user's last write. */
	scoped_guard(cxl_vfio_config, pdev)
		if (cxlv->command >= 0)
			cxl_vfio_note_command(cxlv);
	/* It may wait, and a user that writes to COMMAND would have memory_lock meanwhile. */
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_ERROR);
	scoped_guard(cxl_vfio_config, pdev)
		lost |= take_errors(cxlv, false);
	ret = vfio_pci_core_aer_err_detected(pdev, state);
	WRITE_ONCE(cxlv->link_reset, lost);
	return lost ? PCI_ERS_RESULT_NEED_RESET : ret;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	/* An error of the driver before, whose unbind has restored. */
	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR) &&
	    !cxl_vfio_platform_bar_lost(&cxlv->hw))
		return PCI_ERS_RESULT_RECOVERED;
	cxlv->slot_reset = true;
	trace_cxl_vfio_reset_begin(&pdev->dev);
	cxl_vfio_regs_reset_begin(&cxlv->regs);
	/*
	 * Taken for in D3cold where recovery woke it behind a link that was down. The caller has
	 * pci_bus_sem (pci_walk_bus()).
	 */
	pci_set_power_state_locked(pdev, PCI_D0);
	guard(cxl_vfio_config)(pdev);
	cxl_vfio_platform_restore_config(&cxlv->hw);
	if (cxlv->command >= 0)
		pci_write_config_word(pdev, PCI_COMMAND, cxlv->command);
	return PCI_ERS_RESULT_RECOVERED;
}

static void end_recovery(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR) && !cxlv->slot_reset)
		return;
	guard(cxl_vfio_config)(pdev);
	if (cxlv->slot_reset)
		cxl_vfio_reset_end(cxlv, CXL_VFIO_WHY_ERROR);
	else
		cxl_vfio_back(cxlv, CXL_VFIO_WHY_ERROR);
	cxlv->slot_reset = false;
	WRITE_ONCE(cxlv->link_reset, false);
	cxl_vfio_access_begin(cxlv);
}

/*
 * Wait until no error is recovered from, before an open. The link may just have been reset: what
 * the VFIO core saved of the device now, and restored at close, would be one without BARs.
 * Return: 0; -ENODEV if it was given up, or is being unbound; -EINTR when killed.
 */
int cxl_vfio_wait_recovered(struct cxl_vfio_device *cxlv)
{
	while (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR)) {
		if (cxl_vfio_is_gone(&cxlv->hw) || READ_ONCE(cxlv->unbinding))
			return -ENODEV;
		if (schedule_timeout_killable(msecs_to_jiffies(POLL_MS)) &&
		    fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/*
 * Unbind has the device lock, for which the end of a recovery waits, to find no driver then. So
 * what the reset of the link took (Mem_Enable, among others) is for unbind to restore. AER resets
 * the link with the device locked as well (pci_bus_lock()), so a reset that has not begun follows
 * the unbind. Return: whether one does.
 */
bool cxl_vfio_recovery_end_at_unbind(struct cxl_vfio_device *cxlv)
{
	bool follows;

	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR))
		return false;
	follows = READ_ONCE(cxlv->link_reset) && !cxlv->slot_reset &&
		  cxl_vfio_dvsec_kept_mem_enable(&cxlv->hw);
	guard(cxl_vfio_config)(cxlv->core.pdev);
	cxl_vfio_back(cxlv, CXL_VFIO_WHY_ERROR);
	return follows;
}

const struct pci_error_handlers cxl_vfio_err_handlers = {
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
	.error_detected = error_detected,
	.cor_error_detected = cor_error_detected,
	.slot_reset = slot_reset,
	.resume = end_recovery,
};
