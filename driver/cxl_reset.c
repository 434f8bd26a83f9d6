// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL Reset (9.7), as a user starts it by CONTROL2: the write returns at once,
 * the reset runs by itself, and STATUS2 and an event say when it is over.
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include "cxl_vfio.h"

#define POLL_MS		10

/* 8.1.3.1: CXL Reset Timeout, in powers of ten from 10 ms; more is reserved. */
static unsigned int reset_timeout_ms(struct cxl_vfio_device *cxlv)
{
	static const unsigned int ms[] = { 10, 100, 1000, 10000, 100000 };

	return ms[min(FIELD_GET(CXLR_CAP_RESET_TIMEOUT, cxlv->cap), ARRAY_SIZE(ms) - 1)];
}

/*
 * The specification gives the write-back no time of its own, but the size of
 * the cache to judge by (8.1.3.7). A millisecond for each 64 KiB is 64 MB/s.
 */
static unsigned int wbi_timeout_ms(struct cxl_vfio_device *cxlv)
{
	static const unsigned int units_of_64k[] = { 0, 1, 16 };
	unsigned int unit;
	u16 cap2;

	pci_read_config_word(cxlv->core.pdev, cxlv->dvsec + CXLR_DVSEC_CAP2, &cap2);
	unit = FIELD_GET(CXLR_CAP2_CACHE_SIZE_UNIT, cap2);
	if (unit >= ARRAY_SIZE(units_of_64k))
		unit = 0;
	return 100 + FIELD_GET(CXLR_CAP2_CACHE_SIZE, cap2) * units_of_64k[unit];
}

/* Wait for any of @mask in STATUS2; what is there of it. */
static int wait_status2(struct cxl_vfio_device *cxlv, u16 mask, unsigned int timeout_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	bool late;
	u16 status;

	do {
		late = time_after(jiffies, end);
		pci_read_config_word(cxlv->core.pdev, cxlv->dvsec + CXLR_DVSEC_STATUS2, &status);
		if (!PCI_POSSIBLE_ERROR(status) && status & mask)
			return status & mask;
		if (READ_ONCE(cxlv->cxl_reset.stop))
			return -ECANCELED;
		msleep(POLL_MS);
	} while (!late);
	return -ETIMEDOUT;
}

static void write_control2(struct cxl_vfio_device *cxlv, u16 val)
{
	pci_write_config_word(cxlv->core.pdev, cxlv->dvsec + CXLR_DVSEC_CTRL2, val);
}

/* 9.7: what the device holds of host memory goes back there first. */
static void write_back(struct cxl_vfio_device *cxlv)
{
	int ret;

	if (!(cxlv->cap & CXLR_CAP_CACHE_CAPABLE) || !(cxlv->cap & CXLR_CAP_CACHE_WBI_CAPABLE))
		return;
	write_control2(cxlv, CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI);
	ret = wait_status2(cxlv, CXLR_STATUS2_CACHE_INVALID, wbi_timeout_ms(cxlv));
	if (ret == -ETIMEDOUT)
		pci_warn(cxlv->core.pdev, "cache write-back before a CXL Reset did not end in %u ms; resetting all the same\n",
			 wbi_timeout_ms(cxlv));
}

static int initiate(struct cxl_vfio_device *cxlv)
{
	unsigned int timeout_ms = reset_timeout_ms(cxlv);
	int ret;

	write_back(cxlv);
	write_control2(cxlv, CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_RESET |
		       (cxlv->cxl_reset.clear ? CXLR_CTRL2_RESET_MEM_CLR : 0));
	ret = wait_status2(cxlv, CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR,
			   timeout_ms);
	write_control2(cxlv, 0);
	if (ret == -ETIMEDOUT)
		pci_err(cxlv->core.pdev, "CXL Reset did not complete within %u ms\n", timeout_ms);
	if (ret < 0)
		return ret;
	if (!(ret & CXLR_STATUS2_RESET_ERROR))
		return 0;
	pci_err(cxlv->core.pdev, "the device reports that its CXL Reset failed\n");
	return -EIO;
}

/*
 * For as long as the reset takes, the core finds memory disabled in the
 * command register that it shows to the user: faults in the BARs raise SIGBUS,
 * reads and writes fail, and memory_lock need not be held meanwhile.
 *
 * Return: the register as it was.
 */
static u16 close_bars(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	__le16 *command = (__le16 *)&core->vconfig[PCI_COMMAND];
	u64 start = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_BAR0_REGION_INDEX);
	u64 end = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_ROM_REGION_INDEX);
	u16 was;

	guard(mutex)(&cxlv->mem.config_lock);
	guard(rwsem_write)(&core->memory_lock);
	was = le16_to_cpu(*command);
	*command = cpu_to_le16(was & ~PCI_COMMAND_MEMORY);
	if (core->vdev.inode)
		unmap_mapping_range(core->vdev.inode->i_mapping, start, end - start, true);
	return was;
}

static void open_bars(struct cxl_vfio_device *cxlv, u16 was)
{
	guard(rwsem_write)(&cxlv->core.memory_lock);
	*(__le16 *)&cxlv->core.vconfig[PCI_COMMAND] = cpu_to_le16(was);
}

/* Caller holds the device lock: no other reset runs, and none begins. */
static int reset(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	u16 command;
	int ret;

	if (pdev->current_state != PCI_D0) {
		pci_err(pdev, "no CXL Reset in %s\n", pci_power_name(pdev->current_state));
		return -EIO;
	}
	command = close_bars(cxlv);
	cxl_vfio_reset_quiesce(cxlv);
	pci_save_state(pdev);
	pci_write_config_word(pdev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);

	ret = initiate(cxlv);

	pci_restore_state(pdev);
	ret = ret ?: cxl_vfio_reset_restore(cxlv);
	open_bars(cxlv, command);
	cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_RESET);
	return ret;
}

/* Unbind holds the device lock and waits for close, which waits for this: so it only tries. */
static bool lock_device(struct cxl_vfio_device *cxlv)
{
	while (!device_trylock(&cxlv->core.pdev->dev)) {
		if (READ_ONCE(cxlv->cxl_reset.stop))
			return false;
		msleep(POLL_MS);
	}
	return true;
}

static void cxl_reset_work(struct work_struct *work)
{
	struct cxl_vfio_device *cxlv = container_of(work, struct cxl_vfio_device, cxl_reset.work);
	int ret = -ECANCELED;

	if (lock_device(cxlv)) {
		ret = reset(cxlv);
		device_unlock(&cxlv->core.pdev->dev);
	}
	WRITE_ONCE(cxlv->cxl_reset.running, false);
	cxl_vfio_regs_reset_end(cxlv, CXLR_RESET_CXL, ret);
}

/**
 * cxl_vfio_cxl_reset_init - once in the life of the device
 * @cxlv: the device
 */
void cxl_vfio_cxl_reset_init(struct cxl_vfio_device *cxlv)
{
	INIT_WORK(&cxlv->cxl_reset.work, cxl_reset_work);
}

/**
 * cxl_vfio_cxl_reset_start - start a CXL Reset in the background
 * @cxlv: the device, open; none is under way; caller holds the registers' lock
 * @clear: have the device clear its memory
 */
void cxl_vfio_cxl_reset_start(struct cxl_vfio_device *cxlv, bool clear)
{
	cxl_vfio_regs_begin_locked(&cxlv->regs);
	cxlv->cxl_reset.clear = clear;
	WRITE_ONCE(cxlv->cxl_reset.running, true);
	queue_work(system_long_wq, &cxlv->cxl_reset.work);
}

/**
 * cxl_vfio_cxl_reset_stop - end a reset that its user no longer waits for
 * @cxlv: the device, being closed
 *
 * A device that has begun cannot be stopped; what follows is the core's reset
 * at close, and what restores after that.
 */
void cxl_vfio_cxl_reset_stop(struct cxl_vfio_device *cxlv)
{
	WRITE_ONCE(cxlv->cxl_reset.stop, true);
	cancel_work_sync(&cxlv->cxl_reset.work);
	WRITE_ONCE(cxlv->cxl_reset.running, false);
	WRITE_ONCE(cxlv->cxl_reset.stop, false);
}

/* Is one under way? Then the device hears nothing else of its user. */
bool cxl_vfio_cxl_reset_running(const struct cxl_vfio_device *cxlv)
{
	return READ_ONCE(cxlv->cxl_reset.running);
}
