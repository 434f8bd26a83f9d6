// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RAS capability (8.2.4.17), and the errors of AER by which the device signals what
 * is in it (12.2.2): what is masked, and how the errors are called.
 */
#include <linux/aer.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/seq_buf.h>

#include "hw/hw.h"

/* Where the RAS capability is, in bytes of the CM block; 0 if the device has none. */
u32 cxl_vfio_ras_at(const struct cxl_vfio_hw *hw)
{
	const struct cxlr_block *ras = cxlr_block_find(&hw->comp.capabilities, CXLR_CAP_ID_RAS);

	return ras ? ras->at : 0;
}

static void __iomem *ras_address(struct cxl_vfio_hw *hw, u32 offset)
{
	return hw->comp.base + hw->comp.cm + cxl_vfio_ras_at(hw) + offset;
}

/* The masks of errors that the driver wants to hear of. */
static void write_masks(struct cxl_vfio_hw *hw, const struct cxl_vfio_ras *masks)
{
	struct pci_dev *pdev = hw->pdev;
	u16 command = cxl_vfio_mmio_begin(pdev);

	writel(masks->ras_uncor, ras_address(hw, CXLR_RAS_UNCOR_MASK));
	writel(masks->ras_cor, ras_address(hw, CXLR_RAS_COR_MASK));
	cxl_vfio_mmio_end(pdev, command);
	pci_write_config_dword(pdev, pdev->aer_cap + PCI_ERR_UNCOR_MASK, masks->aer_uncor);
	pci_write_config_dword(pdev, pdev->aer_cap + PCI_ERR_COR_MASK, masks->aer_cor);
}

/* Unmask them once more, after what may have masked them. */
void cxl_vfio_ras_unmask(struct cxl_vfio_hw *hw)
{
	const struct cxl_vfio_ras *was = &hw->ras;
	const struct cxl_vfio_ras want = {
		.ras_uncor = was->ras_uncor & ~CXLR_RAS_UNCOR_ALL,
		.ras_cor = was->ras_cor & ~CXLR_RAS_COR_ALL,
		.aer_uncor = was->aer_uncor & ~PCI_ERR_UNC_INTN,
		.aer_cor = was->aer_cor & ~PCI_ERR_COR_INTERNAL,
	};

	if (was->unmasked)
		write_masks(hw, &want);
}

/*
 * Have a device that is being bound signal errors of the CXL protocols. All of them are masked
 * after a reset. As cxl_pci_ras_unmask() does, not if AER is the platform's.
 */
void cxl_vfio_ras_init(struct cxl_vfio_hw *hw)
{
	struct cxl_vfio_ras *was = &hw->ras;
	struct pci_dev *pdev = hw->pdev;
	u16 command;

	if (!cxl_vfio_ras_at(hw) || !pcie_aer_is_native(pdev))
		return;
	command = cxl_vfio_mmio_begin(pdev);
	was->ras_uncor = readl(ras_address(hw, CXLR_RAS_UNCOR_MASK));
	was->ras_cor = readl(ras_address(hw, CXLR_RAS_COR_MASK));
	cxl_vfio_mmio_end(pdev, command);
	pci_read_config_dword(pdev, pdev->aer_cap + PCI_ERR_UNCOR_MASK, &was->aer_uncor);
	pci_read_config_dword(pdev, pdev->aer_cap + PCI_ERR_COR_MASK, &was->aer_cor);

	was->unmasked = true;
	cxl_vfio_ras_unmask(hw);
}

/* Undo cxl_vfio_ras_init(), at unbind. */
void cxl_vfio_ras_exit(struct cxl_vfio_hw *hw)
{
	if (hw->ras.unmasked && !cxl_vfio_is_absent(hw))
		write_masks(hw, &hw->ras);
	hw->ras.unmasked = false;
}

/* Append the names of the errors in the status register at @offset, each after a blank. */
void cxl_vfio_ras_name_errors(struct seq_buf *names, u32 offset, u32 status)
{
	const struct cxlr_reg *reg = cxlr_map_ras.regs;
	const struct cxlr_field *field;

	while (reg->offset != offset)
		reg++;
	for (field = reg->fields; field < reg->fields + reg->nr_fields; field++)
		if (field->mask & status)
			seq_buf_printf(names, " %s", field->name);
}
