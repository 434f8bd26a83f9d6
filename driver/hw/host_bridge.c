// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CXL host bridge above a device, as the CEDT (CXL 3.1, 9.18.1) tells of it:
 * where its HDM decoders are, and which windows of host physical addresses
 * lead to it. The CXL core knows the same, and tells no module.
 */
#include <linux/acpi.h>
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/pci.h>

#include "hw/hw.h"

/* The entry after @entry, or the first; NULL at the end, or where the table is broken. */
static const struct acpi_cedt_header *next_entry(const struct acpi_table_header *cedt,
						 const struct acpi_cedt_header *entry)
{
	const void *next = (const void *)cedt + sizeof(struct acpi_table_cedt);
	size_t left;

	if (entry)
		next = (const void *)entry + entry->length;
	left = (const void *)cedt + cedt->length - next;
	entry = next;
	if (left < sizeof(*entry) || entry->length < sizeof(*entry) || entry->length > left)
		return NULL;
	return entry;
}

static const struct acpi_cedt_chbs *find_chbs(const struct cxl_vfio_host_bridge *bridge)
{
	const struct acpi_cedt_header *entry = NULL;

	while ((entry = next_entry(bridge->cedt, entry))) {
		const struct acpi_cedt_chbs *chbs = (const void *)entry;

		if (entry->type == ACPI_CEDT_TYPE_CHBS && entry->length >= sizeof(*chbs) &&
		    chbs->uid == bridge->uid && chbs->base &&
		    chbs->cxl_version == ACPI_CEDT_CHBS_VERSION_CXL20 &&
		    chbs->length == ACPI_CEDT_CHBS_LENGTH_CXL20)
			return chbs;
	}
	return NULL;
}

static const char *map_registers(struct cxl_vfio_host_bridge *bridge)
{
	const struct acpi_cedt_chbs *chbs = find_chbs(bridge);
	const struct cxlr_block *hdm;
	const char *why;

	if (!chbs)
		return "the CEDT has no component registers for its host bridge";

	struct cxlr_blocks *blocks __free(kfree) = kzalloc_obj(*blocks);

	bridge->base = ioremap(chbs->base, CXLR_CM_OFFSET + CXLR_CM_SIZE);
	if (!blocks || !bridge->base)
		return "the registers of its host bridge cannot be mapped";
	why = cxl_vfio_component_capabilities(bridge->base + CXLR_CM_OFFSET, blocks);
	if (why)
		return why;
	hdm = cxlr_block_find(blocks, CXLR_CAP_ID_HDM);
	if (!hdm)
		return NULL;
	bridge->hdm = bridge->base + CXLR_CM_OFFSET + hdm->at;
	bridge->count = cxlr_hdm_decoder_count(readl(bridge->hdm + CXLR_HDM_CAP));
	if (CXLR_HDM_SIZE(bridge->count) > hdm->size)
		return "its host bridge's HDM decoders do not fit";
	bridge->at = chbs->base + CXLR_CM_OFFSET + hdm->at;
	return NULL;
}

/*
 * Find the host bridge above a device. cxl_vfio_host_bridge_close() closes it, whatever is
 * returned. May sleep. Return: NULL, or why there is none that can be looked at.
 */
const char *cxl_vfio_host_bridge_open(struct pci_dev *pdev, struct cxl_vfio_host_bridge *bridge)
{
	struct acpi_device *adev = ACPI_COMPANION(&pci_find_host_bridge(pdev->bus)->dev);
	struct pci_dev *port = pcie_find_root_port(pdev);
	unsigned long long uid;
	u32 link;

	*bridge = (struct cxl_vfio_host_bridge) { };
	if (!port)
		return "it is below no root port";
	if (pcie_capability_read_dword(port, PCI_EXP_LNKCAP, &link))
		return "its root port does not answer";
	bridge->port = FIELD_GET(PCI_EXP_LNKCAP_PN, link);

	if (!adev || strcmp(acpi_device_hid(adev), "ACPI0016"))
		return "its host bridge is none of CXL";
	if (ACPI_FAILURE(acpi_evaluate_integer(adev->handle, METHOD_NAME__UID, NULL, &uid)))
		return "its host bridge has no _UID";
	bridge->uid = uid;
	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_CEDT, 0, &bridge->cedt)))
		return "there is no CEDT";
	return map_registers(bridge);
}

/* Registers and table are no longer used. */
void cxl_vfio_host_bridge_close(struct cxl_vfio_host_bridge *bridge)
{
	if (bridge->base)
		iounmap(bridge->base);
	if (bridge->cedt)
		acpi_put_table(bridge->cedt);
}

/*
 * Does the CXL core have the host bridge's decoders already? It claims the registers when it maps
 * them, at the first endpoint, and keeps them (devm_cxl_iomap_block()).
 */
bool cxl_vfio_host_bridge_enumerated(const struct cxl_vfio_host_bridge *bridge)
{
	return region_intersects(bridge->at, CXLR_HDM_SIZE(bridge->count),
				 IORESOURCE_MEM | IORESOURCE_BUSY, IORES_DESC_NONE) !=
	       REGION_DISJOINT;
}

/*
 * Read decoder @n into @decoder, whatever the answer. Return: is it committed, and is the port
 * above the device its only target?
 */
bool cxl_vfio_host_bridge_decoder(const struct cxl_vfio_host_bridge *bridge, unsigned int n,
			     struct cxl_vfio_decoder *decoder)
{
	cxl_vfio_decoder_read(bridge->hdm, n, decoder);
	return cxl_vfio_decoder_targets_port(decoder, bridge->port);
}

/*
 * The @n-th window of host physical addresses that leads to this host bridge alone. Those that
 * interleave over several are left out (9.18.1.3). It admits host-only coherent memory, or else
 * device-coherent memory. Return: false if there are not so many.
 */
bool cxl_vfio_host_bridge_cfmws(const struct cxl_vfio_host_bridge *bridge, unsigned int n,
				bool host_only, struct range *window)
{
	u16 admits = ACPI_CEDT_CFMWS_RESTRICT_VOLATILE |
		     (host_only ? ACPI_CEDT_CFMWS_RESTRICT_HOSTONLYMEM :
				  ACPI_CEDT_CFMWS_RESTRICT_DEVMEM);
	const struct acpi_cedt_header *entry = NULL;

	while ((entry = next_entry(bridge->cedt, entry))) {
		const struct acpi_cedt_cfmws *cfmws = (const void *)entry;

		if (entry->type != ACPI_CEDT_TYPE_CFMWS ||
		    entry->length < struct_size(cfmws, interleave_targets, 1) ||
		    cfmws->interleave_ways || cfmws->interleave_targets[0] != bridge->uid ||
		    (cfmws->restrictions & admits) != admits || !cfmws->window_size || n--)
			continue;
		window->start = cfmws->base_hpa;
		window->end = cfmws->base_hpa + cfmws->window_size - 1;
		return true;
	}
	return false;
}
