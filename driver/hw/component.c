// SPDX-License-Identifier: GPL-2.0-only
/*
 * The component registers (8.2.3) and the BAR that holds them: where they are, and the
 * claim on what the CXL core leaves of it.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/pci.h>
#include <cxl/pci.h>

#include "hw/hw.h"

/*
 * Have a device in D0 decode its BARs. Memory decoding may be off (QEMU resets the device while
 * it realizes it), and a write to the decoders would then be lost without a word.
 * Return: what cxl_vfio_mmio_end() wants to know.
 */
u16 cxl_vfio_mmio_begin(struct pci_dev *pdev)
{
	u16 command;

	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	return command;
}

/* As cxl_vfio_mmio_begin() found it. */
void cxl_vfio_mmio_end(struct pci_dev *pdev, u16 command)
{
	if (!(command & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND, command);
}

static u32 source_read(const struct cxlr_source *source, u32 offset)
{
	return readl((__force void __iomem *)source->owner + offset);
}

/* NULL, or what is wrong with the capability array (8.2.4.1) of the CM block mapped at @cm. */
const char *cxl_vfio_component_capabilities(void __iomem *cm, struct cxlr_blocks *capabilities)
{
	const struct cxlr_source source = {
		.read = source_read, .size = CXLR_CM_SIZE, .owner = (__force void *)cm,
	};

	return cxlr_find_capabilities(&source, capabilities);
}

/* comp.bar, block, cm, hdm and hdm_size are set. */
static int map_bar(struct cxl_vfio_hw *hw)
{
	struct cxl_vfio_comp *comp = &hw->comp;
	struct pci_dev *pdev = hw->pdev;
	const struct cxlr_block *hdm;
	const char *why;

	if (comp->block.end >= pci_resource_len(pdev, comp->bar) ||
	    comp->hdm + comp->hdm_size > CXLR_CM_SIZE || !IS_ALIGNED(comp->hdm, sizeof(u32)) ||
	    comp->hdm < CXLR_CAP_HEADER(1)) {
		pci_err(pdev, "the HDM decoders' place in BAR %u makes no sense (CM block at %pa, HDM at %#x)\n",
			comp->bar, &comp->cm, comp->hdm);
		return -ENODEV;
	}

	comp->base = pcim_iomap(pdev, comp->bar, 0);
	if (!comp->base) {
		pci_err(pdev, "cannot map BAR %u\n", comp->bar);
		return -ENOMEM;
	}
	why = cxl_vfio_component_capabilities(comp->base + comp->cm, &comp->capabilities);
	hdm = cxlr_block_find(&comp->capabilities, CXLR_CAP_ID_HDM);
	if (!why && (!hdm || hdm->at != comp->hdm))
		why = "it changed while it was read";
	if (why) {
		pci_err(pdev, "the capability array in BAR %u is broken: %s\n", comp->bar, why);
		return -ENODEV;
	}
	return 0;
}

/* Find the component registers of a device that is enabled. Return: 0, or an error, logged. */
int cxl_vfio_component_find(struct cxl_vfio_hw *hw)
{
	struct cxl_register_map *map = &hw->cxl->cxlds.reg_map;
	struct pci_dev *pdev = hw->pdev;
	struct cxl_vfio_comp *comp = &hw->comp;
	unsigned int bar;
	int ret;

	ret = cxl_pci_setup_regs(pdev, CXL_REGLOC_RBI_COMPONENT, map);
	if (ret) {
		pci_err(pdev, "no component registers (Register Locator DVSEC): %pe\n",
			ERR_PTR(ret));
		return ret;
	}
	if (!map->component_map.hdm_decoder.valid) {
		pci_err(pdev, "no HDM decoders in the component registers: the memory cannot be placed\n");
		return -ENODEV;
	}

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_flags(pdev, bar) & IORESOURCE_MEM &&
		    map->resource >= pci_resource_start(pdev, bar) &&
		    map->resource <= pci_resource_end(pdev, bar))
			break;
	if (bar == PCI_STD_NUM_BARS) {
		pci_err(pdev, "component registers at %pa are in no BAR\n", &map->resource);
		return -ENODEV;
	}

	comp->bar = bar;
	comp->block.start = map->resource - pci_resource_start(pdev, bar);
	comp->block.end = comp->block.start + CXLR_COMPONENT_SIZE - 1;
	comp->cm = comp->block.start + CXLR_CM_OFFSET;
	comp->hdm = map->component_map.hdm_decoder.offset - CXLR_CM_OFFSET;
	comp->hdm_size = map->component_map.hdm_decoder.size;
	return map_bar(hw);
}

static int claim(struct cxl_vfio_hw *hw, resource_size_t start, resource_size_t end)
{
	struct pci_dev *pdev = hw->pdev;

	if (start >= end)
		return 0;
	if (devm_request_mem_region(&pdev->dev, pci_resource_start(pdev, hw->comp.bar) + start,
				    end - start, "cxl-vfio-pci"))
		return 0;
	pci_err(pdev, "BAR %u, bytes %pa to %pa, is in use: see /proc/iomem for by whom\n",
		hw->comp.bar, &start, &end);
	return -EBUSY;
}

/* Claim what the CXL core, with its region made, left of the BAR. Return: 0, or -EBUSY, logged. */
int cxl_vfio_component_claim(struct cxl_vfio_hw *hw)
{
	const struct cxl_component_reg_map *map = &hw->cxl->cxlds.reg_map.component_map;
	const struct cxl_reg_map *blocks[] = { &map->hdm_decoder, &map->ras };
	resource_size_t component = hw->comp.block.start, pos = 0;
	unsigned int i;
	int ret;

	if (map->ras.valid && map->ras.offset < map->hdm_decoder.offset)
		swap(blocks[0], blocks[1]);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (!blocks[i]->valid)
			continue;
		ret = claim(hw, pos, component + blocks[i]->offset);
		if (ret)
			return ret;
		pos = component + blocks[i]->offset + blocks[i]->size;
	}
	return claim(hw, pos, pci_resource_len(hw->pdev, hw->comp.bar));
}
