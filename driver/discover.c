// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to be true of a device before it is bound, found out step by step.
 * Whatever fails says so once, with the remedy; devres undoes the rest.
 */
#include <linux/bitfield.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <cxl/pci.h>

#include "cxl_vfio.h"

#define MEM_INFO_VALID_MS	1000	/* 8.1.3.8.2: Memory_Info_Valid within 1 s */
#define POLL_MS			20

static int find_dvsec(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	cxlv->dvsec = pci_find_dvsec_capability(pdev, CXLR_VENDOR_ID, CXLR_DVSEC_ID_DEVICE);
	if (!cxlv->dvsec) {
		pci_err(pdev, "not a CXL device (no CXL Device DVSEC): bind it to vfio-pci\n");
		return -ENODEV;
	}

	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CAP, &cxlv->cap);
	if (!(cxlv->cap & CXLR_CAP_MEM_CAPABLE)) {
		pci_err(pdev, "a CXL device without memory (no Mem_Capable): bind it to vfio-pci\n");
		return -ENODEV;
	}
	return cxl_vfio_config_init(cxlv);
}

static unsigned int nr_ranges(struct cxl_vfio_device *cxlv)
{
	return min(FIELD_GET(CXLR_CAP_HDM_COUNT, cxlv->cap), 2);
}

/* Range @n Size Low; zero from a device that does not answer. */
static u32 range_status(struct cxl_vfio_device *cxlv, unsigned int n)
{
	u32 val;

	pci_read_config_dword(cxlv->core.pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(n), &val);
	return PCI_POSSIBLE_ERROR(val) ? 0 : val;
}

/*
 * How long after a reset the range may take to become active, 0 when it is.
 * Memory_Info_Valid comes within a second, Memory_Active within the range's
 * own time of 1, 4, 16, 64 or 256 s; more is reserved (8.1.3.8.2).
 */
static unsigned int range_wait_ms(u32 status)
{
	if (!(status & CXLR_RANGE_MEM_INFO_VALID))
		return MEM_INFO_VALID_MS;
	if (status & CXLR_RANGE_MEM_ACTIVE)
		return 0;
	return MEM_INFO_VALID_MS +
	       (MSEC_PER_SEC << (2 * min(FIELD_GET(CXLR_RANGE_ACTIVE_TIMEOUT, status), 4u)));
}

static unsigned int ranges_wait_ms(struct cxl_vfio_device *cxlv)
{
	unsigned int i, ms = 0;

	for (i = 0; i < nr_ranges(cxlv); i++)
		ms = max(ms, range_wait_ms(range_status(cxlv, i)));
	return ms;
}

/**
 * cxl_vfio_mem_active - does the device say that its memory may be accessed?
 * @cxlv: the device; in D0, or the answer is no
 *
 * A configuration read a range, no wait. Source: CXL 3.1, 8.1.3.8.2.
 */
bool cxl_vfio_mem_active(struct cxl_vfio_device *cxlv)
{
	return nr_ranges(cxlv) && !ranges_wait_ms(cxlv);
}

/**
 * cxl_vfio_wait_active - wait until the device's memory is active
 * @cxlv: the device
 *
 * Sleeps for as long as the device may take by its Memory_Active_Timeout (1 s
 * to 256 s), so the caller holds no lock that a fault or an open needs.
 * Source: CXL 3.1, 8.1.3.8.2.
 *
 * Return: 0; -EINTR when killed; -ENODEV when the device does not answer, or -ETIMEDOUT,
 * logged.
 */
int cxl_vfio_wait_active(struct cxl_vfio_device *cxlv)
{
	unsigned long start = jiffies;
	unsigned int limit_ms;

	while ((limit_ms = ranges_wait_ms(cxlv))) {
		if (cxl_vfio_check_answers(cxlv))
			return -ENODEV;
		if (time_after(jiffies, start + msecs_to_jiffies(limit_ms))) {
			dev_err_ratelimited(&cxlv->core.pdev->dev,
					    "memory did not become active within %u ms (range 1 reads %#x): the device or its firmware is not ready\n",
					    limit_ms, range_status(cxlv, 0));
			return -ETIMEDOUT;
		}
		if (schedule_timeout_killable(msecs_to_jiffies(POLL_MS)) &&
		    fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Bytes of all the memory that the device has, by its DVSEC ranges (8.1.3.8). */
u64 cxl_vfio_capacity(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	unsigned int i;
	u64 capacity = 0;

	for (i = 0; i < nr_ranges(cxlv); i++) {
		u32 low, high;

		pci_read_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(i), &low);
		pci_read_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_SIZE_HIGH(i), &high);
		capacity += (u64)high << 32 | (low & CXLR_RANGE_SIZE_LOW_MASK);
	}
	return capacity;
}

static int find_component_registers(struct cxl_vfio_device *cxlv)
{
	struct cxl_register_map *map = &cxlv->cxl->cxlds.reg_map;
	struct pci_dev *pdev = cxlv->core.pdev;
	struct cxl_vfio_comp *comp = &cxlv->comp;
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
	comp->cm = map->resource - pci_resource_start(pdev, bar) + CXLR_CM_OFFSET;
	comp->hdm = map->component_map.hdm_decoder.offset - CXLR_CM_OFFSET;
	comp->hdm_size = map->component_map.hdm_decoder.size;
	return cxl_vfio_bar_map(cxlv);
}

/*
 * The host bridge's decoders, where they can be found: with none for this range the
 * CXL core makes a region all the same, which it cannot complete, and leaves it.
 */
static int check_bridge(struct cxl_vfio_device *cxlv, const struct range *hpa)
{
	struct cxl_vfio_bridge bridge;
	struct cxl_vfio_decoder decoder;
	bool found = true;
	unsigned int i;

	if (!cxl_vfio_bridge_open(cxlv->core.pdev, &bridge) && bridge.count)
		for (i = 0, found = false; i < bridge.count && !found; i++)
			found = cxl_vfio_bridge_decoder(&bridge, i, &decoder) &&
				decoder.base == hpa->start && decoder.size == range_len(hpa);
	cxl_vfio_bridge_close(&bridge);
	if (found)
		return 0;
	pci_err(cxlv->core.pdev, "HDM decoder %u is committed to %pra, but none of its host bridge's: a fault of the platform's firmware\n",
		cxlv->mem.decoder, hpa);
	return -ENXIO;
}

/* As check_bridge(), of the switches. */
static int check_switches(struct cxl_vfio_device *cxlv, const struct range *hpa)
{
	struct pci_dev *astray;
	int ret = cxl_vfio_switch_find(cxlv);

	if (ret)
		return ret;
	astray = cxl_vfio_switch_astray(cxlv, hpa);
	if (!astray)
		return 0;
	pci_err(cxlv->core.pdev, "HDM decoder %u is committed to %pra, but none of its switch's (%s): a fault of the platform's firmware\n",
		cxlv->mem.decoder, hpa, pci_name(astray));
	return -ENXIO;
}

/*
 * The platform's word, before the CXL core is asked, which says less of what is wrong.
 * cxl_acpi has the CFMWS among the machine's resources (add_cxl_resources()).
 */
static int check_decoder(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_decoder *decoder = &cxlv->platform.decoder[cxlv->mem.decoder];
	struct pci_dev *pdev = cxlv->core.pdev;
	struct range hpa = { .start = decoder->base };

	if (!decoder->size || check_add_overflow(decoder->base, decoder->size - 1, &hpa.end)) {
		pci_err(pdev, "HDM decoder %u is committed, but decodes %llu bytes at %#llx: a fault of the platform's firmware\n",
			cxlv->mem.decoder, decoder->size, decoder->base);
		return -ENXIO;
	}
	if (decoder->ctrl & CXLR_HDM_CTRL_IW) {
		pci_err(pdev, "HDM decoder %u interleaves %pra with other devices, which is not supported: turn interleaving off in the firmware's setup\n",
			cxlv->mem.decoder, &hpa);
		return -EOPNOTSUPP;
	}
	if (region_intersects(hpa.start, range_len(&hpa), IORESOURCE_MEM, IORES_DESC_CXL) ==
	    REGION_INTERSECTS)
		return check_bridge(cxlv, &hpa) ?: check_switches(cxlv, &hpa);
	if (region_intersects(hpa.start, range_len(&hpa), IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		pci_err(pdev, "HDM decoder %u is committed over System RAM, at %pra: a fault of the platform's firmware\n",
			cxlv->mem.decoder, &hpa);
	else
		pci_err(pdev, "HDM decoder %u decodes %pra, which is in no CXL window: is cxl_acpi loaded, and does the firmware's CFMWS have it (/proc/iomem)?\n",
			cxlv->mem.decoder, &hpa);
	return -ENXIO;
}

static unsigned int count_committed(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_platform *platform = &cxlv->platform;
	unsigned int i, count = cxlr_hdm_decoder_count(platform->hdm_cap);
	unsigned int committed = 0;

	for (i = 0; i < count; i++)
		if (platform->decoder[i].ctrl & CXLR_HDM_CTRL_COMMITTED && !committed++)
			cxlv->mem.decoder = i;
	return committed;
}

/* The decoder that gives the CXL region to the device. */
static int find_decoder(struct cxl_vfio_device *cxlv)
{
	unsigned int committed = count_committed(cxlv);
	int ret;

	if (!committed) {
		ret = cxl_vfio_commit(cxlv) ?: cxl_vfio_reset_sample(cxlv);
		if (ret)
			return ret;
		committed = count_committed(cxlv);
	}
	if (committed == 1)
		return check_decoder(cxlv);
	pci_err(cxlv->core.pdev,
		"%u HDM decoders are committed, decoder %u first: memory in several pieces is not supported, have the platform give it one window\n",
		committed, cxlv->mem.decoder);
	return -EOPNOTSUPP;
}

static int attach_region(struct cxl_vfio_device *cxlv)
{
	struct cxl_dev_state *cxlds = &cxlv->cxl->cxlds;
	struct pci_dev *pdev = cxlv->core.pdev;
	const struct cxl_vfio_decoder *decoder;
	struct cxl_memdev *cxlmd;
	int ret;

	/* There is no mailbox to ask; the DVSEC said that memory is active. */
	cxlds->media_ready = true;

	cxlv->mem.capacity = cxl_vfio_capacity(cxlv);
	ret = cxl_set_capacity(cxlds, cxlv->mem.capacity);
	if (ret) {
		pci_err(pdev, "the CXL core refuses a capacity of %#llx bytes: %pe\n",
			cxlv->mem.capacity, ERR_PTR(ret));
		return ret;
	}

	cxlmd = devm_cxl_probe_mem(cxlds, &cxlv->mem.hpa);
	if (IS_ERR(cxlmd)) {
		pci_err(pdev, "the CXL core has no region for decoder %u (%pe): are cxl_acpi, cxl_port and cxl_mem loaded?\n",
			cxlv->mem.decoder, cxlmd);
		return PTR_ERR(cxlmd);
	}

	if (cxlv->commitment)
		cxl_vfio_commit_seen(cxlv);
	decoder = &cxlv->platform.decoder[cxlv->mem.decoder];
	if (decoder->base != cxlv->mem.hpa.start || decoder->size != range_len(&cxlv->mem.hpa)) {
		pci_err(pdev, "the CXL core's region %pra is not what decoder %u decodes\n",
			&cxlv->mem.hpa, cxlv->mem.decoder);
		return -ENXIO;
	}
	return 0;
}

/**
 * cxl_vfio_discover - find and set up all that the driver needs of a device
 * @cxlv: the device, not yet registered
 *
 * Everything acquired belongs to the PCI device's devres, but for the memory:
 * cxl_vfio_mem_exit() lets go of that. May sleep for as long as
 * cxl_vfio_wait_active().
 *
 * Return: 0, or an error that was logged.
 */
int cxl_vfio_discover(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret;

	ret = find_dvsec(cxlv);
	if (ret)
		return ret;

	/* Component registers are behind a BAR, here and in the CXL core. */
	ret = pcim_enable_device(pdev);
	if (ret) {
		pci_err(pdev, "cannot enable the device: %pe\n", ERR_PTR(ret));
		return ret;
	}

	cxlv->cxl = devm_cxl_dev_state_create(&pdev->dev, CXL_DEVTYPE_DEVMEM, pci_get_dsn(pdev),
					      cxlv->dvsec, struct cxl_vfio_cxl, cxlds, false);
	if (!cxlv->cxl)
		return -ENOMEM;

	ret = find_component_registers(cxlv);
	if (ret)
		return ret;
	ret = cxl_vfio_reset_sample(cxlv);
	if (ret)
		return ret;
	ret = find_decoder(cxlv);
	if (ret)
		return ret;
	ret = cxl_vfio_wait_active(cxlv);
	if (ret)
		return ret;
	ret = attach_region(cxlv);
	if (ret)
		return ret;
	/* Again: the CXL core enabled what the firmware had left to it. */
	ret = cxl_vfio_reset_sample(cxlv);
	if (ret)
		return ret;
	ret = cxl_vfio_bar_claim(cxlv);
	if (ret)
		return ret;
	return cxl_vfio_mem_init(cxlv);
}
