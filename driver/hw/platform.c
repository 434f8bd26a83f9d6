// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the platform programmed into the device: sampled at bind, and put back when
 * something has taken it.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include "hw/hw.h"

/* The mask has the fields that a reset clears. */
static const struct {
	const char *name;
	u32 capability, offset, mask;
} cm_registers[] = {
	[CXL_VFIO_BI_CONTROL] = {
		"BI Decoder Control", CXLR_CAP_ID_BI_DECODER, CXLR_BI_CTRL,
		CXLR_BI_CTRL_ENABLE,
	},
	[CXL_VFIO_METADATA_CONTROL] = {
		"Extended Metadata Control", CXLR_CAP_ID_METADATA, CXLR_METADATA_CTRL,
		CXLR_METADATA_CTRL_SIZE | CXLR_METADATA_CTRL_LOG | CXLR_METADATA_CTRL_TRANSFER,
	},
};

static void __iomem *cm_register(const struct cxl_vfio_hw *hw, enum cxl_vfio_cm_register n)
{
	const struct cxlr_block *block = cxlr_block_find(&hw->comp.capabilities,
							 cm_registers[n].capability);

	if (!block || block->size < cm_registers[n].offset + sizeof(u32))
		return NULL;
	return hw->comp.base + hw->comp.cm + block->at + cm_registers[n].offset;
}

/*
 * Remember the CXL state that the platform programmed, at bind; the registers are mapped.
 * Return: 0, or -EIO when they cannot be read, logged.
 */
int cxl_vfio_platform_sample(struct cxl_vfio_hw *hw)
{
	struct cxl_vfio_platform *platform = &hw->platform;
	void __iomem *hdm = cxl_vfio_hdm(hw);
	struct pci_dev *pdev = hw->pdev;
	unsigned int i, count;
	void __iomem *reg;

	platform->hdm_cap = readl(hdm + CXLR_HDM_CAP);
	count = cxlr_hdm_decoder_count(platform->hdm_cap);
	if (PCI_POSSIBLE_ERROR(platform->hdm_cap) || !count ||
	    CXLR_HDM_SIZE(count) > hw->comp.hdm_size) {
		pci_err(pdev, "the HDM decoders do not answer sensibly (capability reads %#x)\n",
			platform->hdm_cap);
		return -EIO;
	}

	platform->hdm_global = readl(hdm + CXLR_HDM_GLOBAL_CTRL);
	for (i = 0; i < count; i++)
		cxl_vfio_decoder_read(hdm, i, &platform->decoder[i]);
	for (i = 0; i < CXL_VFIO_CM_REGISTERS; i++) {
		reg = cm_register(hw, i);
		platform->cm[i] = reg ? readl(reg) : U32_MAX;
	}

	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL, &platform->dvsec_ctrl);
	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL2, &platform->dvsec_ctrl2);
	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_LOCK, &platform->dvsec_lock);
	for (i = 0; i < 2; i++) {
		pci_read_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_BASE_LOW(i),
				      &platform->range_base_low[i]);
		pci_read_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_BASE_HIGH(i),
				      &platform->range_base_high[i]);
	}
	return 0;
}

static int restore_cm_register(struct cxl_vfio_hw *hw, enum cxl_vfio_cm_register n)
{
	const u32 want = hw->platform.cm[n], mask = cm_registers[n].mask;
	void __iomem *reg = cm_register(hw, n);
	u32 is;

	if (PCI_POSSIBLE_ERROR(want))
		return 0;
	is = readl(reg);
	if ((is ^ want) & mask) {
		writel((is & ~mask) | (want & mask), reg);
		is = readl(reg);
	}
	if (!((is ^ want) & mask))
		return 0;
	if (!cxl_vfio_holds(hw, CXL_VFIO_WHY_LOST))
		pci_err(hw->pdev,
			"%s could not be restored after a reset (it reads %#x, not %#x): reset the device again, or reboot\n",
			cm_registers[n].name, is, want);
	return -EIO;
}

static int restore_component(struct cxl_vfio_hw *hw)
{
	const struct cxl_vfio_platform *platform = &hw->platform;
	unsigned int i, count = cxlr_hdm_decoder_count(platform->hdm_cap);
	void __iomem *hdm = cxl_vfio_hdm(hw);
	int ret;

	/* 8.2.4.20.12: a decoder with BI commits after the device may issue BISnp. */
	for (i = 0; i < CXL_VFIO_CM_REGISTERS; i++) {
		ret = restore_cm_register(hw, i);
		if (ret)
			return ret;
	}
	for (i = 0; i < count; i++) {
		if (!(platform->decoder[i].ctrl & CXLR_HDM_CTRL_COMMITTED))
			continue;
		/* Committed to something else is not the work of a reset, and not rewritten. */
		ret = cxl_vfio_decoder_commit(hdm, i, &platform->decoder[i]);
		/* Said once, however often it is tried again. */
		if (ret && !cxl_vfio_holds(hw, CXL_VFIO_WHY_LOST))
			pci_err(hw->pdev,
				"decoder %u could not be restored after a reset (%pe): the memory is out of use until another reset succeeds, or the platform programs it again (reboot)\n",
				i, ERR_PTR(ret));
		if (ret)
			return ret;
	}
	if (readl(hdm + CXLR_HDM_GLOBAL_CTRL) != platform->hdm_global)
		writel(platform->hdm_global, hdm + CXLR_HDM_GLOBAL_CTRL);
	return 0;
}

/* A reset above a switch takes its decoders, which are not this driver's (docs/lifecycle.md). */
static int check_switches(struct cxl_vfio_hw *hw, const struct range *hpa)
{
	struct pci_dev *unrouted = cxl_vfio_switch_unrouted(hw, hpa);

	if (!unrouted)
		return 0;
	if (!cxl_vfio_holds(hw, CXL_VFIO_WHY_LOST))
		pci_err(hw->pdev,
			"no HDM decoder of switch %s leads here after a reset: the memory is out of use until the platform programs it again and the device is reset\n",
			pci_name(unrouted));
	return -ENXIO;
}

/*
 * Have configuration space, access to which is locked, as it was at bind: not what the PCI core
 * saved last. An open saves without a lock, perhaps during a reset of the device, and that reset
 * then restores what the open has saved.
 */
void cxl_vfio_platform_restore_config(struct cxl_vfio_hw *hw)
{
	if (!pci_load_saved_state(hw->pdev, hw->saved))
		pci_restore_state(hw->pdev);
}

/* Of the component registers nothing can be reached without theirs. */
bool cxl_vfio_platform_bar_lost(const struct cxl_vfio_hw *hw)
{
	unsigned int at = PCI_BASE_ADDRESS_0 + hw->comp.bar * sizeof(u32);
	u64 want = pci_bus_address(hw->pdev, hw->comp.bar);
	u32 low, high = 0;

	pci_read_config_dword(hw->pdev, at, &low);
	if (pci_resource_flags(hw->pdev, hw->comp.bar) & IORESOURCE_MEM_64)
		pci_read_config_dword(hw->pdev, at + sizeof(low), &high);
	return ((u64)high << 32 | (low & (u32)PCI_BASE_ADDRESS_MEM_MASK)) != want;
}

/* COMMAND is the user's, and stays. */
static void restore_lost_bar(struct cxl_vfio_hw *hw)
{
	u16 command;

	if (!cxl_vfio_platform_bar_lost(hw))
		return;
	pci_read_config_word(hw->pdev, PCI_COMMAND, &command);
	cxl_vfio_platform_restore_config(hw);
	pci_write_config_word(hw->pdev, PCI_COMMAND, command);
}

/*
 * Have component registers and DVSEC as the platform had them, of a device in D0.
 * Return: 0; or why the memory is out of use, logged unless it was out of use before.
 */
int cxl_vfio_platform_restore(struct cxl_vfio_hw *hw, const struct range *hpa)
{
	u16 command;
	int ret;

	if (!cxl_vfio_is_present(hw)) {
		if (!cxl_vfio_holds(hw, CXL_VFIO_WHY_LOST))
			pci_err(hw->pdev, "the device does not answer: its memory is out of use until a reset succeeds\n");
		return -ENODEV;
	}
	restore_lost_bar(hw);
	command = cxl_vfio_mmio_begin(hw->pdev);
	ret = restore_component(hw);
	cxl_vfio_mmio_end(hw->pdev, command);
	return ret ?: cxl_vfio_dvsec_restore(hw) ?: check_switches(hw, hpa);
}

/* Has a reset taken the decoder, or does it not answer? FLR keeps it (9.5), all others do not. */
bool cxl_vfio_platform_decoder_lost(struct cxl_vfio_hw *hw)
{
	u16 command = cxl_vfio_mmio_begin(hw->pdev);
	u32 ctrl = readl(cxl_vfio_hdm(hw) + CXLR_HDM_CTRL(hw->decoder));

	cxl_vfio_mmio_end(hw->pdev, command);
	return PCI_POSSIBLE_ERROR(ctrl) || !(ctrl & CXLR_HDM_CTRL_COMMITTED);
}
