// SPDX-License-Identifier: GPL-2.0-only
/* The BAR Virtualization ACL (8.2.6): what of its BARs a device declares safe for a VM. */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/overflow.h>
#include <linux/pci.h>

#include "hw/hw.h"

/* Offset and BIR of the registers (8.1.9); false if the device has none. */
static bool locate_registers(struct cxl_vfio_hw *hw, u32 *bar, u64 *at)
{
	const struct cxlr_block *locator;
	u32 entry, low, high;

	locator = cxlr_block_find(&hw->dvsecs, CXLR_DVSEC_ID_REG_LOCATOR);
	for (entry = CXLR_REG_LOCATOR_BLOCK_LOW(0);
	     locator && entry + CXLR_REG_LOCATOR_BLOCK_LEN <= locator->size;
	     entry += CXLR_REG_LOCATOR_BLOCK_LEN) {
		pci_read_config_dword(hw->pdev, locator->at + entry, &low);
		pci_read_config_dword(hw->pdev, locator->at + entry + sizeof(low), &high);
		if (FIELD_GET(CXLR_REG_LOCATOR_ID, low) != CXLR_REG_LOCATOR_ID_ACL)
			continue;
		*bar = low & CXLR_REG_LOCATOR_BIR;
		*at = (u64)high << 32 | (low & CXLR_REG_LOCATOR_OFFSET_LOW);
		return true;
	}
	return false;
}

/* An entry that makes no sense declares nothing safe. */
static void read_entry(void __iomem *base, unsigned int n, struct cxl_vfio_acl *acl)
{
	u64 offset = readq(base + CXLR_ACL_OFFSET(n));
	u64 start = offset & CXLR_ACL_START, size = readq(base + CXLR_ACL_SIZE(n)) & CXLR_ACL_START;
	u64 end;

	if (!size || check_add_overflow(start, size, &end))
		return;
	acl->safe[acl->count].bar = offset & CXLR_ACL_BIR;
	acl->safe[acl->count++].range = (struct range){ start, end - 1 };
}

/*
 * Set @hw->acl, if the device has such registers. It is enabled, and its DVSECs are known.
 * Return: 0, or an error that was logged.
 */
int cxl_vfio_acl_read(struct cxl_vfio_hw *hw)
{
	struct pci_dev *pdev = hw->pdev;
	u64 at, len = 0, size = 0;
	unsigned int i, count = 0;
	void __iomem *base = NULL;
	u32 bar;

	if (!locate_registers(hw, &bar, &at))
		return 0;
	if (bar < PCI_STD_NUM_BARS && pci_resource_flags(pdev, bar) & IORESOURCE_MEM)
		len = pci_resource_len(pdev, bar);
	if (at < len) {
		size = min(len - at, CXLR_ACL_OFFSET(CXLR_ACL_COUNT + 1));
		base = ioremap(pci_resource_start(pdev, bar) + at, size);
	}
	if (base)
		count = readl(base) & CXLR_ACL_COUNT;
	if (!base || CXLR_ACL_OFFSET(count) > size) {
		pci_err(pdev, "the BAR Virtualization ACL at %#llx does not fit in BAR %u\n", at,
			bar);
		if (base)
			iounmap(base);
		return -ENODEV;
	}
	hw->acl = devm_kzalloc(&pdev->dev, struct_size(hw->acl, safe, count), GFP_KERNEL);
	for (i = 0; hw->acl && i < count; i++)
		read_entry(base, i, hw->acl);
	iounmap(base);
	return hw->acl ? 0 : -ENOMEM;
}
