// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CXL switches between a device and its root port, and whether their decoders
 * lead to the device. Those are the platform's and the CXL core's: the driver
 * looks at them, and writes nothing there.
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <cxl/pci.h>

#include "hw/hw.h"

struct cxl_vfio_switch {
	struct cxl_vfio_switch *below;	/* the next on the way to the device */
	struct pci_dev *upstream;	/* its upstream port, which outlives the device */
	void __iomem *hdm;		/* that port's HDM Decoder capability */
	unsigned int count;		/* decoders */
	u8 port;	/* number, in target lists, of the downstream port above the device */
};

/* The downstream port above @pdev, if that is a switch's. */
static struct pci_dev *downstream_port(struct pci_dev *pdev)
{
	struct pci_dev *port = pci_upstream_bridge(pdev);

	return port && pci_pcie_type(port) == PCI_EXP_TYPE_DOWNSTREAM ? port : NULL;
}

/* Is the device behind a switch? */
bool cxl_vfio_is_behind_switch(struct pci_dev *pdev)
{
	return pci_upstream_bridge(pdev) != pcie_find_root_port(pdev);
}

/* One without decoders is left out: what it passes on, the CXL core has to judge. */
static int add_switch(struct cxl_vfio_hw *hw, struct pci_dev *upstream, struct pci_dev *downstream)
{
	struct cxl_register_map map = { };
	const struct cxl_reg_map *hdm = &map.component_map.hdm_decoder;
	struct device *dev = &hw->pdev->dev;
	struct cxl_vfio_switch *sw;
	u32 link;

	if (cxl_pci_setup_regs(upstream, CXL_REGLOC_RBI_COMPONENT, &map) || !hdm->valid)
		return 0;
	sw = devm_kzalloc(dev, sizeof(*sw), GFP_KERNEL);
	if (!sw)
		return -ENOMEM;
	sw->hdm = devm_ioremap(dev, map.resource + hdm->offset, hdm->size);
	if (!sw->hdm)
		return -ENOMEM;
	if (pcie_capability_read_dword(downstream, PCI_EXP_LNKCAP, &link))
		link = U32_MAX;
	sw->upstream = upstream;
	sw->port = FIELD_GET(PCI_EXP_LNKCAP_PN, link);
	sw->count = cxlr_hdm_decoder_count(readl(sw->hdm + CXLR_HDM_CAP));
	if (CXLR_HDM_SIZE(sw->count) > hdm->size)
		sw->count = 0;
	sw->below = hw->switches;
	hw->switches = sw;
	return 0;
}

/* Find the switches above a device, at bind; they are devres. May sleep. Return: 0 or -ENOMEM. */
int cxl_vfio_switch_find(struct cxl_vfio_hw *hw)
{
	struct pci_dev *downstream, *upstream = hw->pdev;
	int ret = 0;

	while (!ret && (downstream = downstream_port(upstream))) {
		upstream = pci_upstream_bridge(downstream);
		if (!upstream)
			break;
		ret = add_switch(hw, upstream, downstream);
	}
	return ret;
}

static bool leads_to(const struct cxl_vfio_switch *sw, const struct range *hpa)
{
	struct cxl_vfio_decoder decoder;
	unsigned int i;

	for (i = 0; i < sw->count; i++) {
		cxl_vfio_decoder_read(sw->hdm, i, &decoder);
		if (cxl_vfio_decoder_targets_port(&decoder, sw->port) &&
		    decoder.base == hpa->start && decoder.size == range_len(hpa))
			return true;
	}
	return false;
}

/*
 * The upstream port of the switch nearest to the root port that does not lead to the device, or
 * NULL. Some reads of registers for each switch; the switches are in D0, as the device is.
 */
struct pci_dev *cxl_vfio_switch_unrouted(const struct cxl_vfio_hw *hw, const struct range *hpa)
{
	const struct cxl_vfio_switch *sw;

	for (sw = hw->switches; sw; sw = sw->below)
		if (!leads_to(sw, hpa))
			return sw->upstream;
	return NULL;
}
