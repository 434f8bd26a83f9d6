// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: the core's, but for the CXL DVSECs, which the host
 * owns. A user reads them, without the host addresses; writes are dropped.
 */
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "cxl_vfio.h"

/* What becomes of an access, from here to the end of the piece. */
enum piece { PIECE_CORE, PIECE_READ_ONLY, PIECE_ZERO };

/**
 * cxl_vfio_config_init - remember where the CXL DVSECs are
 * @cxlv: the device, being bound
 *
 * Return: 0, or -ENODEV when there are more than a device can need; logged.
 */
int cxl_vfio_config_init(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	u32 header;
	u16 at = 0;

	while ((at = pci_find_next_ext_capability(pdev, at, PCI_EXT_CAP_ID_DVSEC))) {
		pci_read_config_dword(pdev, at + PCI_DVSEC_HEADER1, &header);
		if (PCI_DVSEC_HEADER1_VID(header) != CXLR_VENDOR_ID)
			continue;
		if (cxlv->nr_dvsecs == ARRAY_SIZE(cxlv->dvsecs)) {
			pci_err(pdev, "more than %zu CXL DVSECs\n", ARRAY_SIZE(cxlv->dvsecs));
			return -ENODEV;
		}
		cxlv->dvsecs[cxlv->nr_dvsecs++] = (struct cxl_vfio_dvsec) {
			.start = at, .end = at + PCI_DVSEC_HEADER1_LEN(header),
		};
	}
	return 0;
}

static enum piece piece_at(struct cxl_vfio_device *cxlv, u32 pos)
{
	const struct cxl_vfio_dvsec *dvsec = cxlv->dvsecs;
	unsigned int i;

	/* High and low base, four bytes each: the HPA (8.1.3.8). */
	for (i = 0; i < 2; i++) {
		u32 base = cxlv->dvsec + CXLR_DVSEC_RANGE_BASE_HIGH(i);

		if (pos >= base && pos < base + 8)
			return PIECE_ZERO;
	}
	for (i = 0; i < cxlv->nr_dvsecs; i++)
		if (pos >= dvsec[i].start && pos < dvsec[i].end)
			return PIECE_READ_ONLY;
	return PIECE_CORE;
}

/* Whether a write may change memory enable or the power state. */
static bool changes_access(struct pci_dev *pdev, u64 pos, size_t count)
{
	u64 end = pos + count;

	if (pos <= PCI_COMMAND && end > PCI_COMMAND)
		return true;
	return pdev->pm_cap && pos <= pdev->pm_cap + PCI_PM_CTRL &&
	       end > pdev->pm_cap + PCI_PM_CTRL;
}

static ssize_t core_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
		       loff_t *ppos, bool iswrite)
{
	struct vfio_device *vdev = &cxlv->core.vdev;
	bool change;
	ssize_t ret;

	if (!iswrite)
		return vfio_pci_core_read(vdev, buf, count, ppos);

	change = changes_access(cxlv->core.pdev, *ppos & VFIO_PCI_OFFSET_MASK, count);
	if (change) {
		ret = cxl_vfio_mem_config_begin(cxlv);
		if (ret)
			return ret;
	}
	ret = vfio_pci_core_write(vdev, buf, count, ppos);
	if (change)
		cxl_vfio_mem_config_end(cxlv);
	return ret;
}

static ssize_t piece_rw(struct cxl_vfio_device *cxlv, enum piece piece, char __user *buf,
			size_t count, loff_t *ppos, bool iswrite)
{
	if (piece == PIECE_CORE || (piece == PIECE_READ_ONLY && !iswrite))
		return core_rw(cxlv, buf, count, ppos, iswrite);

	if (!iswrite && clear_user(buf, count))
		return -EFAULT;
	*ppos += count;
	return count;
}

/**
 * cxl_vfio_config_rw - read or write configuration space
 * @cxlv: the device
 * @buf: user memory
 * @count: bytes
 * @ppos: position with the configuration region's index
 * @iswrite: which
 *
 * Cuts the access where its meaning changes. Return: bytes moved, or the
 * first piece's error.
 */
ssize_t cxl_vfio_config_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			   loff_t *ppos, bool iswrite)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	u64 size = cxlv->core.pdev->cfg_size;
	size_t done = 0;
	ssize_t ret = 0;

	/* The core's answer to these is the right one. */
	if (pos >= size || count > size - pos)
		return iswrite ? vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos) :
				 vfio_pci_core_read(&cxlv->core.vdev, buf, count, ppos);

	while (done < count) {
		enum piece piece = piece_at(cxlv, pos + done);
		size_t len = 1;

		while (done + len < count && piece_at(cxlv, pos + done + len) == piece)
			len++;
		ret = piece_rw(cxlv, piece, buf + done, len, ppos, iswrite);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}
