// SPDX-License-Identifier: GPL-2.0-only
/* What has to be true of a device before it is bound. A failure is logged once, with the remedy. */
#include <linux/ioport.h>
#include <linux/overflow.h>
#include <linux/pci.h>

#include "life/life.h"

static int find_dvsec(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	cxlv->hw.dvsec = pci_find_dvsec_capability(pdev, CXLR_VENDOR_ID, CXLR_DVSEC_ID_DEVICE);
	if (!cxlv->hw.dvsec) {
		pci_err(pdev, "not a CXL device (no CXL Device DVSEC): bind it to vfio-pci\n");
		return -ENODEV;
	}

	pci_read_config_word(pdev, cxlv->hw.dvsec + CXLR_DVSEC_CAP, &cxlv->hw.cap);
	if (!(cxlv->hw.cap & CXLR_CAP_MEM_CAPABLE)) {
		pci_err(pdev, "a CXL device without memory (no Mem_Capable): bind it to vfio-pci\n");
		return -ENODEV;
	}
	return cxl_vfio_dvsec_find(&cxlv->hw);
}

/*
 * The host bridge's decoders, where they can be found: with none for this range the
 * CXL core makes a region all the same, which it cannot complete, and leaves it.
 */
static int check_bridge(struct cxl_vfio_device *cxlv, const struct range *hpa)
{
	struct cxl_vfio_host_bridge bridge;
	struct cxl_vfio_decoder decoder;
	bool found = true;
	unsigned int i;

	if (!cxl_vfio_host_bridge_open(cxlv->core.pdev, &bridge) && bridge.count)
		for (i = 0, found = false; i < bridge.count && !found; i++)
			found = cxl_vfio_host_bridge_decoder(&bridge, i, &decoder) &&
				decoder.base == hpa->start && decoder.size == range_len(hpa);
	cxl_vfio_host_bridge_close(&bridge);
	if (found)
		return 0;
	pci_err(cxlv->core.pdev, "HDM decoder %u is committed to %pra, but none of its host bridge's: a fault of the platform's firmware\n",
		cxlv->hw.decoder, hpa);
	return -ENXIO;
}

/* As check_bridge(), of the switches. */
static int check_switches(struct cxl_vfio_device *cxlv, const struct range *hpa)
{
	struct pci_dev *unrouted;
	int ret = cxl_vfio_switch_find(&cxlv->hw);

	if (ret)
		return ret;
	unrouted = cxl_vfio_switch_unrouted(&cxlv->hw, hpa);
	if (!unrouted)
		return 0;
	pci_err(cxlv->core.pdev, "HDM decoder %u is committed to %pra, but none of its switch's (%s): a fault of the platform's firmware\n",
		cxlv->hw.decoder, hpa, pci_name(unrouted));
	return -ENXIO;
}

/* 8.2.4.20.12: a device with BI in its decoder and without BI Enable does what is undefined. */
static int check_bi(struct cxl_vfio_device *cxlv)
{
	u32 bi = cxlv->hw.platform.cm[CXL_VFIO_BI_CONTROL];

	if (PCI_POSSIBLE_ERROR(bi))
		pci_err(cxlv->core.pdev, "HDM decoder %u has BI, but the device has no BI Decoder capability: update the device's firmware\n",
			cxlv->hw.decoder);
	else if (!(bi & CXLR_BI_CTRL_ENABLE))
		pci_err(cxlv->core.pdev, "HDM decoder %u has BI, but BI Enable is clear: update the platform's firmware\n",
			cxlv->hw.decoder);
	else
		return 0;
	return -ENXIO;
}

/*
 * The platform's word, before the CXL core is asked, which says less of what is wrong.
 * cxl_acpi has the CFMWS among the machine's resources (add_cxl_resources()).
 */
static int check_decoder(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_decoder *decoder = &cxlv->hw.platform.decoder[cxlv->hw.decoder];
	struct pci_dev *pdev = cxlv->core.pdev;
	struct range hpa = { .start = decoder->base };

	if (!decoder->size || check_add_overflow(decoder->base, decoder->size - 1, &hpa.end)) {
		pci_err(pdev, "HDM decoder %u is committed, but decodes %llu bytes at %#llx: a fault of the platform's firmware\n",
			cxlv->hw.decoder, decoder->size, decoder->base);
		return -ENXIO;
	}
	if (decoder->ctrl & CXLR_HDM_CTRL_IW) {
		pci_err(pdev, "HDM decoder %u interleaves %pra with other devices, which is not supported: turn interleaving off in the firmware's setup\n",
			cxlv->hw.decoder, &hpa);
		return -EOPNOTSUPP;
	}
	if (decoder->ctrl & CXLR_HDM_CTRL_BI && check_bi(cxlv))
		return -ENXIO;
	if (region_intersects(hpa.start, range_len(&hpa), IORESOURCE_MEM, IORES_DESC_CXL) ==
	    REGION_INTERSECTS)
		return check_bridge(cxlv, &hpa) ?: check_switches(cxlv, &hpa);
	if (region_intersects(hpa.start, range_len(&hpa), IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		pci_err(pdev, "HDM decoder %u is committed over System RAM, at %pra: a fault of the platform's firmware\n",
			cxlv->hw.decoder, &hpa);
	else
		pci_err(pdev, "HDM decoder %u decodes %pra, which is in no CXL window: is cxl_acpi loaded, and does the firmware's CFMWS have it (/proc/iomem)?\n",
			cxlv->hw.decoder, &hpa);
	return -ENXIO;
}

static unsigned int count_committed(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_platform *platform = &cxlv->hw.platform;
	unsigned int i, committed = 0;

	for (i = 0; i < cxlr_hdm_decoder_count(platform->hdm_cap); i++)
		if (platform->decoder[i].ctrl & CXLR_HDM_CTRL_COMMITTED && !committed++)
			cxlv->hw.decoder = i;
	return committed;
}

/* The decoder that gives the CXL region to the device. */
static int find_decoder(struct cxl_vfio_device *cxlv)
{
	unsigned int committed = count_committed(cxlv);
	int ret;

	if (!committed) {
		ret = cxl_vfio_commit(cxlv) ?: cxl_vfio_platform_sample(&cxlv->hw);
		if (ret)
			return ret;
		committed = count_committed(cxlv);
	}
	if (committed == 1)
		return check_decoder(cxlv);
	pci_err(cxlv->core.pdev,
		"%u HDM decoders are committed, decoder %u first: memory in several pieces is not supported, have the platform give it one window\n",
		committed, cxlv->hw.decoder);
	return -EOPNOTSUPP;
}

static int attach_region(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_decoder *decoder = &cxlv->hw.platform.decoder[cxlv->hw.decoder];
	struct cxl_dev_state *cxlds = &cxlv->hw.cxl->cxlds;
	struct pci_dev *pdev = cxlv->core.pdev;
	struct cxl_memdev *cxlmd;
	int ret;

	/* There is no mailbox to ask; the DVSEC said that memory is active. */
	cxlds->media_ready = true;

	cxlv->mem.capacity = cxl_vfio_dvsec_capacity(&cxlv->hw);
	ret = cxl_set_capacity(cxlds, cxlv->mem.capacity);
	if (ret) {
		pci_err(pdev, "the CXL core refuses a capacity of %#llx bytes: %pe\n",
			cxlv->mem.capacity, ERR_PTR(ret));
		return ret;
	}

	cxlmd = devm_cxl_probe_mem(cxlds, &cxlv->mem.hpa);
	if (IS_ERR(cxlmd)) {
		pci_err(pdev, "the CXL core has no region for decoder %u (%pe): are cxl_acpi, cxl_port and cxl_mem loaded?\n",
			cxlv->hw.decoder, cxlmd);
		return PTR_ERR(cxlmd);
	}

	if (cxlv->commitment)
		cxl_vfio_commit_record(cxlv);
	if (decoder->base == cxlv->mem.hpa.start && decoder->size == range_len(&cxlv->mem.hpa))
		return 0;
	pci_err(pdev, "the CXL core's region %pra is not what decoder %u decodes\n",
		&cxlv->mem.hpa, cxlv->hw.decoder);
	return -ENXIO;
}

/* What does not come back was logged, and is found below. No switch is known yet. */
static void restore_decoders(struct cxl_vfio_device *cxlv)
{
	guard(cxl_vfio_config)(cxlv->core.pdev);
	cxl_vfio_platform_restore(&cxlv->hw, &cxlv->mem.hpa);
}

/*
 * Finds and sets up all that the driver needs of a device, which is not yet registered. All
 * that is acquired belongs to the PCI device's devres, but for the memory, which
 * cxl_vfio_tenancy_exit() releases. Sleeps no longer than cxl_vfio_dvsec_wait_active().
 * Returns 0, or an error that was logged.
 */
int cxl_vfio_discover(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret = find_dvsec(cxlv);
	bool lost;

	if (ret)
		return ret;

	lost = cxl_vfio_keep_restore(cxlv);
	/* Component registers are behind a BAR, here and in the CXL core. */
	ret = pcim_enable_device(pdev);
	if (ret) {
		pci_err(pdev, "cannot enable the device: %pe\n", ERR_PTR(ret));
		return ret;
	}

	cxlv->hw.cxl = devm_cxl_dev_state_create(&pdev->dev, CXL_DEVTYPE_DEVMEM,
						 pci_get_dsn(pdev), cxlv->hw.dvsec,
						 struct cxl_vfio_dev_state, cxlds, false);
	if (!cxlv->hw.cxl)
		return -ENOMEM;

	ret = cxl_vfio_component_find(&cxlv->hw);
	if (!ret && lost)
		restore_decoders(cxlv);
	if (!ret)
		cxl_vfio_keep_forget(pdev);
	if (!ret)
		ret = cxl_vfio_acl_read(&cxlv->hw);
	if (!ret)
		ret = cxl_vfio_platform_sample(&cxlv->hw);
	if (!ret)
		ret = find_decoder(cxlv);
	if (!ret)
		ret = cxl_vfio_dvsec_wait_active(&cxlv->hw);
	if (!ret)
		ret = attach_region(cxlv);
	/* Again: the CXL core enabled what the firmware had left to it. */
	if (!ret)
		ret = cxl_vfio_platform_sample(&cxlv->hw);
	if (!ret)
		ret = cxl_vfio_component_claim(&cxlv->hw);
	if (!ret)
		ret = cxl_vfio_claim_memory(&cxlv->mem);
	if (ret)
		return ret;
	ret = cxl_vfio_tenancy_init(cxlv);
	if (ret) {
		cxl_vfio_unclaim_memory(&cxlv->mem);
		return ret;
	}
	cxl_vfio_content_dirty(&cxlv->mem);
	return 0;
}
