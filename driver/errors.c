// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of the device: told to the user by VFIO's error eventfd, and recovered from
 * by the PCI core. What the device says of the CXL protocols is in its RAS capability
 * (8.2.4.17), and signalled as an internal error of AER (12.2.2).
 */
#include <linux/aer.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/ratelimit.h>
#include <linux/seq_buf.h>

#include "cxl_vfio.h"
#include "trace.h"

static struct cxl_vfio_device *pdev_to_cxl_vfio(struct pci_dev *pdev)
{
	return dev_to_cxl_vfio(&pdev->dev);
}

/* Where the RAS capability is in the CM block; 0 if the device has none. */
static u32 ras_at(const struct cxl_vfio_device *cxlv)
{
	const struct cxlr_block *ras = cxlr_block_find(&cxlv->comp.capabilities, CXLR_CAP_ID_RAS);

	return ras ? ras->at : 0;
}

static void __iomem *cm_address(struct cxl_vfio_device *cxlv, u32 at)
{
	return cxlv->comp.base + cxlv->comp.cm + at;
}

/* The masks of errors that the driver wants to hear of. */
static void write_masks(struct cxl_vfio_device *cxlv, const struct cxl_vfio_errors *masks)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	u16 command = cxl_vfio_mmio_begin(pdev);

	writel(masks->ras_uncor, cm_address(cxlv, ras_at(cxlv) + CXLR_RAS_UNCOR_MASK));
	writel(masks->ras_cor, cm_address(cxlv, ras_at(cxlv) + CXLR_RAS_COR_MASK));
	cxl_vfio_mmio_end(pdev, command);
	pci_write_config_dword(pdev, pdev->aer_cap + PCI_ERR_UNCOR_MASK, masks->aer_uncor);
	pci_write_config_dword(pdev, pdev->aer_cap + PCI_ERR_COR_MASK, masks->aer_cor);
}

/**
 * cxl_vfio_errors_unmask - once more, after what may have masked them
 * @cxlv: the device
 */
void cxl_vfio_errors_unmask(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_errors *was = &cxlv->errors;
	const struct cxl_vfio_errors want = {
		.ras_uncor = was->ras_uncor & ~CXLR_RAS_UNCOR_ALL,
		.ras_cor = was->ras_cor & ~CXLR_RAS_COR_ALL,
		.aer_uncor = was->aer_uncor & ~PCI_ERR_UNC_INTN,
		.aer_cor = was->aer_cor & ~PCI_ERR_COR_INTERNAL,
	};

	if (was->unmasked)
		write_masks(cxlv, &want);
}

/**
 * cxl_vfio_errors_init - have the device signal errors of the CXL protocols
 * @cxlv: the device, being bound; its registers are mapped
 *
 * All of them are masked after a reset. As cxl_pci_ras_unmask() does, not if AER is
 * the platform's.
 */
void cxl_vfio_errors_init(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_errors *was = &cxlv->errors;
	struct pci_dev *pdev = cxlv->core.pdev;
	u16 command;

	if (!ras_at(cxlv) || !pcie_aer_is_native(pdev))
		return;
	command = cxl_vfio_mmio_begin(pdev);
	was->ras_uncor = readl(cm_address(cxlv, ras_at(cxlv) + CXLR_RAS_UNCOR_MASK));
	was->ras_cor = readl(cm_address(cxlv, ras_at(cxlv) + CXLR_RAS_COR_MASK));
	cxl_vfio_mmio_end(pdev, command);
	pci_read_config_dword(pdev, pdev->aer_cap + PCI_ERR_UNCOR_MASK, &was->aer_uncor);
	pci_read_config_dword(pdev, pdev->aer_cap + PCI_ERR_COR_MASK, &was->aer_cor);

	was->unmasked = true;
	cxl_vfio_errors_unmask(cxlv);
}

/**
 * cxl_vfio_errors_exit - undo cxl_vfio_errors_init()
 * @cxlv: the device, being unbound
 */
void cxl_vfio_errors_exit(struct cxl_vfio_device *cxlv)
{
	if (cxlv->errors.unmasked && !cxl_vfio_is_absent(cxlv))
		write_masks(cxlv, &cxlv->errors);
	cxlv->errors.unmasked = false;
}

static const struct cxlr_reg *ras_reg(u32 offset)
{
	const struct cxlr_reg *reg = cxlr_map_ras.regs;

	while (reg->offset != offset)
		reg++;
	return reg;
}

/* The names that the specification has for the bits of a status. */
static void name_errors(struct seq_buf *names, u32 offset, u32 status)
{
	const struct cxlr_reg *reg = ras_reg(offset);
	const struct cxlr_field *field;

	for (field = reg->fields; field < reg->fields + reg->nr_fields; field++)
		if (field->mask & status)
			seq_buf_printf(names, " %s", field->name);
}

/*
 * Take the errors of one status register, if the device answers: log them, let the
 * user see them in the virtual one, and have the device forget them.
 */
static u32 take_errors(struct cxl_vfio_device *cxlv, u32 offset, u32 all)
{
	u16 command = cxl_vfio_mmio_begin(cxlv->core.pdev);
	u32 status = cxl_vfio_regs_take_status(cxlv, ras_at(cxlv) + offset) & all;

	cxl_vfio_mmio_end(cxlv->core.pdev, command);
	return status;
}

static bool uncorrectable_errors(struct cxl_vfio_device *cxlv)
{
	DECLARE_SEQ_BUF(names, 256);
	u32 status;

	if (!ras_at(cxlv))
		return false;
	status = take_errors(cxlv, CXLR_RAS_UNCOR_STATUS, CXLR_RAS_UNCOR_ALL);
	if (!status)
		return false;
	name_errors(&names, CXLR_RAS_UNCOR_STATUS, status);
	pci_err(cxlv->core.pdev, "uncorrectable CXL errors:%s\n", seq_buf_str(&names));
	trace_cxl_vfio_protocol_error(&cxlv->core.pdev->dev, true, status);
	cxl_vfio_count(cxlv, CXL_VFIO_COUNT_ERRORS);
	return true;
}

static void correctable_errors(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	DECLARE_SEQ_BUF(names, 256);
	u32 status;

	if (!ras_at(cxlv))
		return;
	status = take_errors(cxlv, CXLR_RAS_COR_STATUS, CXLR_RAS_COR_ALL);
	if (!status)
		return;
	name_errors(&names, CXLR_RAS_COR_STATUS, status);
	dev_warn_ratelimited(&pdev->dev, "correctable CXL errors:%s\n", seq_buf_str(&names));
	trace_cxl_vfio_protocol_error(&pdev->dev, false, status);
	cxl_vfio_count(cxlv, CXL_VFIO_COUNT_ERRORS_CORRECTED);
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
	cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_ERROR);
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
	cxl_vfio_regs_reset_begin(cxlv);
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
	cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_ERROR);
}

const struct pci_error_handlers cxl_vfio_err_handlers = {
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
	.error_detected = error_detected,
	.cor_error_detected = cor_error_detected,
	.slot_reset = slot_reset,
	.resume = resume,
};
