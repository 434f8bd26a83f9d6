// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way to the own memory, by the CXL core, unless it is in a BAR (bar.c): the core attaches the
 * device to the region of the decoders that the platform committed, or, in a virtual machine, the
 * one that the VMM did.
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <cxl/cxl.h>
#include <cxl/pci.h>

#include "cxl_accel.h"
#include "cxl_regs.h"

#define POLL_MS		20

/* The CXL core wants its state at the start of what it allocates. */
struct accel_cxl {
	struct cxl_dev_state cxlds;
};

static bool mem_active(struct accel *accel)
{
	u32 state = readl(accel->bar + CXL_ACCEL_ID_OFFSET + CXL_ACCEL_ID_STATE);

	return !PCI_POSSIBLE_ERROR(state) && state & CXL_ACCEL_STATE_MEM_ACTIVE;
}

/* After a reset, memory may take its Memory_Active_Timeout (8.1.3.8.2). */
static int wait_active(struct accel *accel, u16 dvsec)
{
	unsigned long deadline;
	unsigned int limit;
	u32 range;

	pci_read_config_dword(accel->pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(0), &range);
	limit = 1 + (1 << 2 * min(FIELD_GET(CXLR_RANGE_ACTIVE_TIMEOUT, range), 4u));
	deadline = jiffies + limit * HZ;
	while (!mem_active(accel)) {
		if (time_after(jiffies, deadline))
			return dev_err_probe(&accel->pdev->dev, -ENXIO,
					     "memory did not become active within %u s\n", limit);
		if (msleep_interruptible(POLL_MS))
			return -EINTR;
	}
	return 0;
}

static bool decoder_committed(struct accel *accel)
{
	u32 ctrl = readl(accel->hdm + CXLR_HDM_CTRL(0));

	return !PCI_POSSIBLE_ERROR(ctrl) && ctrl & CXLR_HDM_CTRL_COMMITTED;
}

/**
 * accel_cxl_usable - can the CPU reach the own memory?
 * @accel: the device, attached
 */
bool accel_cxl_usable(struct accel *accel)
{
	return (!accel->hdm || decoder_committed(accel)) && mem_active(accel);
}

static int find_decoder(struct accel *accel, const struct cxl_register_map *map)
{
	struct pci_dev *pdev = accel->pdev;
	resource_size_t start = pci_resource_start(pdev, CXL_ACCEL_BAR);
	void __iomem *hdm;

	if (!map->component_map.hdm_decoder.valid || map->resource < start ||
	    map->resource - start >= CXL_ACCEL_BAR_SIZE)
		return dev_err_probe(&pdev->dev, -ENXIO, "no HDM decoders in BAR %u\n",
				     CXL_ACCEL_BAR);

	hdm = accel->bar + (map->resource - start) + map->component_map.hdm_decoder.offset;
	accel->hdm = hdm;
	if (!decoder_committed(accel))
		return dev_err_probe(&pdev->dev, -ENXIO,
				     "HDM decoder 0 is not committed: the platform's firmware (in a virtual machine, the VMM) must give the device its memory window and commit it\n");

	accel->dpa = (u64)readl(hdm + CXLR_HDM_DPA_SKIP_HIGH(0)) << 32 |
		     readl(hdm + CXLR_HDM_DPA_SKIP_LOW(0));
	return 0;
}

/**
 * accel_cxl_attach - find where the own memory is
 * @accel: the device, being bound; sets hpa and dpa
 *
 * May sleep for as long as the device may take to have its memory ready.
 *
 * Return: 0, or an error that was logged.
 */
int accel_cxl_attach(struct accel *accel)
{
	struct pci_dev *pdev = accel->pdev;
	struct cxl_register_map *map;
	struct cxl_memdev *cxlmd;
	struct accel_cxl *cxl;
	u16 dvsec;
	int ret;

	dvsec = pci_find_dvsec_capability(pdev, CXLR_VENDOR_ID, CXLR_DVSEC_ID_DEVICE);
	if (!dvsec)
		return dev_err_probe(&pdev->dev, -ENXIO,
				     "no CXL Device DVSEC: the device is on a port, or in a virtual machine, without CXL\n");

	if (accel_bar_attach(accel, dvsec))
		return wait_active(accel, dvsec);

	cxl = devm_cxl_dev_state_create(&pdev->dev, CXL_DEVTYPE_DEVMEM, pci_get_dsn(pdev), dvsec,
					struct accel_cxl, cxlds, false);
	if (!cxl)
		return -ENOMEM;

	map = &cxl->cxlds.reg_map;
	ret = cxl_pci_setup_regs(pdev, CXL_REGLOC_RBI_COMPONENT, map);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no component registers\n");
	ret = find_decoder(accel, map);
	if (ret)
		return ret;
	ret = wait_active(accel, dvsec);
	if (ret)
		return ret;

	/* There is no mailbox to ask; the device said that its memory is active. */
	cxl->cxlds.media_ready = true;
	ret = cxl_set_capacity(&cxl->cxlds, accel->capacity);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "the CXL core refuses a capacity of %#llx\n",
				     accel->capacity);

	cxlmd = devm_cxl_probe_mem(&cxl->cxlds, &accel->hpa);
	if (IS_ERR(cxlmd))
		return dev_err_probe(&pdev->dev, -ENXIO,
				     "the CXL core has no region for HDM decoder 0 (%pe): are cxl_acpi, cxl_port and cxl_mem loaded, and are the host bridge's decoders committed too?\n",
				     cxlmd);
	return 0;
}
