// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>

#include <linux/pci_regs.h>

#include "component.h"
#include "cxl_regs.h"

const char *component_open(struct component *component, const struct pci_function *function)
{
	const char *why;

	*component = (struct component){ .function = *function };
	why = pci_open(&component->function);
	if (!why)
		component->command = pci_read(&component->function, PCI_COMMAND, 2);
	return why;
}

/* 8.1.9: the register block of the component, by BAR and offset. */
static bool locate_registers(const struct pci_function *function, unsigned int *bar,
			     uint64_t *offset)
{
	unsigned int length, locator, low;

	locator = pci_find_cxl_dvsec(function, CXLR_DVSEC_ID_REG_LOCATOR,
				     CXLR_REG_LOCATOR_BLOCK_LOW(1), &length);
	for (unsigned int i = 0; locator && CXLR_REG_LOCATOR_BLOCK_LOW(i + 1) <= length; i++) {
		low = pci_read(function, locator + CXLR_REG_LOCATOR_BLOCK_LOW(i), 4);
		if ((low & CXLR_REG_LOCATOR_ID) >> CXLR_REG_LOCATOR_ID_SHIFT !=
		    CXLR_REG_LOCATOR_ID_COMPONENT)
			continue;
		*bar = low & CXLR_REG_LOCATOR_BIR;
		*offset = (low & CXLR_REG_LOCATOR_OFFSET_LOW) |
			  (uint64_t)pci_read(function,
					     locator + CXLR_REG_LOCATOR_BLOCK_HIGH(i), 4) << 32;
		return true;
	}
	return false;
}

const char *component_open_registers(struct component *component)
{
	const struct pci_function *function = &component->function;
	unsigned int bar;
	uint64_t offset;
	const char *why;

	if (!locate_registers(function, &bar, &offset))
		return "no Register Locator that names component registers";
	pci_write(function, PCI_COMMAND, 2, component->command | PCI_COMMAND_MEMORY);
	why = pci_map_bar(function, bar, offset + CXLR_CM_OFFSET, CXLR_CM_SIZE,
			  &component->cm);
	return why ? why : hdm_find(&component->hdm, component->cm);
}

void component_close(struct component *component)
{
	if (component->function.config < 0)
		return;
	pci_write(&component->function, PCI_COMMAND, 2, component->command);
	pci_close(&component->function);
}
