// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of the device: told to the user by VFIO's error eventfd, and recovered from
 * by the PCI core. What the device says of the CXL protocols is in its RAS capability
 * (hw/ras.c).
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/ratelimit.h>
#include <linux/seq_buf.h>

#include "life/life.h"
#include "trace.h"

/*
 * Take the errors of one status register, if the device answers: log them, let the
 * user see them in the virtual one, and have the device forget them.
 */
static u32 take_errors(struct cxl_vfio_device *cxlv, u32 offset, u32 all)
{
	u16 command = cxl_vfio_mmio_begin(cxlv->core.pdev);
	u32 at = cxl_vfio_ras_at(&cxlv->hw) + offset;
	u32 status = cxl_vfio_regs_take_status(&cxlv->regs, at) & all;

	cxl_vfio_mmio_end(cxlv->core.pdev, command);
	return status;
}

static bool uncorrectable_errors(struct cxl_vfio_device *cxlv)
{
	DECLARE_SEQ_BUF(names, 256);
	u32 status;

	if (!cxl_vfio_ras_at(&cxlv->hw))
		return false;
	status = take_errors(cxlv, CXLR_RAS_UNCOR_STATUS, CXLR_RAS_UNCOR_ALL);
	if (!status)
		return false;
	cxl_vfio_ras_name_errors(&names, CXLR_RAS_UNCOR_STATUS, status);
	pci_err(cxlv->core.pdev, "uncorrectable CXL errors:%s\n", seq_buf_str(&names));
	trace_cxl_vfio_protocol_error(&cxlv->core.pdev->dev, true, status);
	cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_ERRORS);
	return true;
}

static void correctable_errors(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	DECLARE_SEQ_BUF(names, 256);
	u32 status;

	if (!cxl_vfio_ras_at(&cxlv->hw))
		return;
	status = take_errors(cxlv, CXLR_RAS_COR_STATUS, CXLR_RAS_COR_ALL);
	if (!status)
		return;
	cxl_vfio_ras_name_errors(&names, CXLR_RAS_COR_STATUS, status);
	dev_warn_ratelimited(&pdev->dev, "correctable CXL errors:%s\n", seq_buf_str(&names));
	trace_cxl_vfio_protocol_error(&pdev->dev, false, status);
	cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_ERRORS_CORRECTED);
}

/* The PCI core has the device awake for recovery, but not for this. */
static void cor_error_detected(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	if (cxl_vfio_power_get(cxlv))
		return;
	correctable_errors(cxlv);
	cxl_vfio_power_put(cxlv);
}

/*
 * Who resets a port's bus (reset_subordinate) wakes nobody below, and has the bridges on
 * the way down decode nothing by now, so what waking puts back waits for the end of the
 * reset. Under VFIO's resets, which hold memory_lock, the device is awake already. One
 * that cannot be woken is reset all the same.
 */
static void reset_prepare(struct pci_dev *pdev)
{
	cxl_vfio_reset_prepare(pdev_to_cxl_vfio(pdev));
	pm_runtime_get_sync(&pdev->dev);
}

static void reset_done(struct pci_dev *pdev)
{
	cxl_vfio_reset_done(pdev_to_cxl_vfio(pdev));
	cxl_vfio_power_put(pdev_to_cxl_vfio(pdev));
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
	cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_BLOCK_ERROR);
	/* A frozen link is reset, and comes back with nothing programmed. */
	lost = state == pci_channel_io_frozen;
	lost |= uncorrectable_errors(cxlv);
	ret = vfio_pci_core_aer_err_detected(pdev, state);
	return lost ? PCI_ERS_RESULT_NEED_RESET : ret;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	cxlv->slot_reset = true;
	trace_cxl_vfio_reset_begin(&pdev->dev);
	cxl_vfio_regs_reset_begin(&cxlv->regs);
	/* Taken for in D3cold where recovery woke it behind a link that was down. */
	pci_set_power_state(pdev, PCI_D0);
	pci_restore_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void resume(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);

	if (cxlv->slot_reset)
		cxl_vfio_reset_done(cxlv);
	else
		cxl_vfio_reset_restore(cxlv);
	cxlv->slot_reset = false;
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_BLOCK_ERROR);
}

const struct pci_error_handlers cxl_vfio_err_handlers = {
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
	.error_detected = error_detected,
	.cor_error_detected = cor_error_detected,
	.slot_reset = slot_reset,
	.resume = resume,
};
