// SPDX-License-Identifier: GPL-2.0-only
/* Where the device's memory is: in the CXL core's region of what the firmware committed. */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <cxl/cxl.h>
#include <cxl/pci.h>

#include "coherent.h"
#include "cxl_regs.h"

#define POLL_MS	20

/* The CXL core wants its state at the start of what it allocates. */
struct coherent_cxl {
	struct cxl_dev_state cxlds;
};

static u32 dvsec_read(struct pci_dev *pdev, unsigned int offset)
{
	u32 val;

	pci_read_config_dword(pdev, offset, &val);
	return PCI_POSSIBLE_ERROR(val) ? 0 : val;
}

/* After a reset, memory may take its Memory_Active_Timeout (CXL 3.1, 8.1.3.8.2). */
static int wait_active(struct pci_dev *pdev, unsigned int status)
{
	u32 val = dvsec_read(pdev, status);
	unsigned long limit = 1 + (1 << 2 * min(FIELD_GET(CXLR_RANGE_ACTIVE_TIMEOUT, val), 4u));
	unsigned long deadline = jiffies + limit * HZ;

	while (!(dvsec_read(pdev, status) & CXLR_RANGE_MEM_USABLE)) {
		if (time_after(jiffies, deadline))
			return dev_err_probe(&pdev->dev, -ENXIO,
					     "memory did not become active within %lu s\n", limit);
		if (msleep_interruptible(POLL_MS))
			return -EINTR;
	}
	return 0;
}

static u64 capacity(struct pci_dev *pdev, u16 dvsec)
{
	u64 high = dvsec_read(pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_HIGH(0));
	u32 low = dvsec_read(pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(0));

	return high << 32 | (low & CXLR_RANGE_SIZE_LOW_MASK);
}

/**
 * coherent_region_attach - find the memory
 * @pdev: the device, being bound; its devres undoes this
 * @hpa: out: where the CPU has its memory
 *
 * Devices with one DVSEC range are enough for a prototype.
 *
 * Return: 0, or an error that was logged.
 */
int coherent_region_attach(struct pci_dev *pdev, struct range *hpa)
{
	struct device *dev = &pdev->dev;
	struct coherent_cxl *cxl;
	struct cxl_memdev *cxlmd;
	u16 dvsec;
	int ret;

	dvsec = pci_find_dvsec_capability(pdev, CXLR_VENDOR_ID, CXLR_DVSEC_ID_DEVICE);
	if (!dvsec)
		return dev_err_probe(dev, -ENODEV, "not a CXL device (no CXL Device DVSEC)\n");
	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(dev, ret, "cannot enable the device\n");
	cxl = devm_cxl_dev_state_create(dev, CXL_DEVTYPE_DEVMEM, pci_get_dsn(pdev), dvsec,
					struct coherent_cxl, cxlds, false);
	if (!cxl)
		return -ENOMEM;
	ret = cxl_pci_setup_regs(pdev, CXL_REGLOC_RBI_COMPONENT, &cxl->cxlds.reg_map);
	if (ret)
		return dev_err_probe(dev, ret, "no component registers\n");
	ret = wait_active(pdev, dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(0));
	if (ret)
		return ret;

	/* There is no mailbox to ask; the DVSEC said that memory is active. */
	cxl->cxlds.media_ready = true;
	ret = cxl_set_capacity(&cxl->cxlds, capacity(pdev, dvsec));
	if (ret)
		return dev_err_probe(dev, ret, "the CXL core refuses the capacity\n");
	cxlmd = devm_cxl_probe_mem(&cxl->cxlds, hpa);
	if (IS_ERR(cxlmd))
		return dev_err_probe(dev, -ENXIO, "the CXL core has no region (%pe)\n", cxlmd);
	if (!devm_request_mem_region(dev, hpa->start, range_len(hpa), "cxl_coherent"))
		return dev_err_probe(dev, -EBUSY, "memory %pra is in use\n", hpa);
	return 0;
}
