// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way to the own memory where the VMM shows no CXL hierarchy: the host's driver presents it as
 * a BAR (docs/uapi.md, "As a BAR").
 */
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/pci.h>

#include "cxl_accel.h"
#include "cxl_regs.h"

/* 8.2.4.1: the component registers are not read as zero where they are. */
static bool has_component_registers(struct accel *accel)
{
	return readl(accel->bar + CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET);
}

static u64 range_size(struct pci_dev *pdev, u16 dvsec)
{
	u32 low, high;

	pci_read_config_dword(pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_HIGH(0), &high);
	pci_read_config_dword(pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(0), &low);
	return (u64)high << 32 | (low & CXLR_RANGE_SIZE_LOW_MASK);
}

/**
 * accel_bar_attach - find the own memory in a BAR
 * @accel: the device, being bound; sets hpa and dpa
 * @dvsec: its PCIe DVSEC for CXL Devices
 *
 * Return: whether it is in one.
 */
bool accel_bar_attach(struct accel *accel, u16 dvsec)
{
	const unsigned long flags = IORESOURCE_MEM | IORESOURCE_PREFETCH | IORESOURCE_MEM_64;
	struct pci_dev *pdev = accel->pdev;
	u64 size = range_size(pdev, dvsec);
	unsigned int bar;

	if (has_component_registers(accel) || !size)
		return false;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if ((pci_resource_flags(pdev, bar) & flags) == flags &&
		    pci_resource_len(pdev, bar) == roundup_pow_of_two(size))
			break;
	if (bar == PCI_STD_NUM_BARS)
		return false;
	accel->hpa.start = pci_resource_start(pdev, bar);
	accel->hpa.end = accel->hpa.start + size - 1;
	accel->dpa = 0;
	return true;
}
