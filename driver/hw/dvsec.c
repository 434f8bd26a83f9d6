// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's PCIe DVSEC for CXL Devices (8.1.3): whether its memory is active, how much there
 * is, what a CXL Reset can do and how long it may take, and what the platform programmed there.
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "hw/hw.h"

#define MEM_INFO_VALID_MS	1000	/* 8.1.3.8.2: Memory_Info_Valid within 1 s */
#define STATUS2_POLL_MS		10
#define RESET_QUIET_MS		100	/* 9.7.3: no access before has a defined outcome */

/* 8.1.3.4: what controls the cache, and what starts something. The platform programs the rest. */
#define CONTROL2_USER		(CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI | \
				 CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR)

static u32 source_read(const struct cxlr_source *source, u32 offset)
{
	u32 val;

	pci_read_config_dword(source->owner, offset, &val);
	return val;
}

/* Find the CXL DVSECs, at bind. Return: 0, or -ENODEV when they make no sense, logged. */
int cxl_vfio_dvsec_find(struct cxl_vfio_hw *hw)
{
	struct pci_dev *pdev = hw->pdev;
	const struct cxlr_source source = {
		.read = source_read, .size = pdev->cfg_size, .owner = pdev,
	};
	const char *why = cxlr_find_dvsecs(&source, &hw->dvsecs);
	const struct cxlr_block *device = cxlr_block_find(&hw->dvsecs, CXLR_DVSEC_ID_DEVICE);

	/* All of it but Capability3, which came with CXL 3. */
	if (!why && (!device || device->at != hw->dvsec || device->size < CXLR_DVSEC_CAP3))
		why = "the CXL Device DVSEC is too short";
	if (!why)
		return 0;
	pci_err(pdev, "configuration space is broken: %s\n", why);
	return -ENODEV;
}

static unsigned int nr_ranges(struct cxl_vfio_hw *hw)
{
	return min(FIELD_GET(CXLR_CAP_HDM_COUNT, hw->cap), 2);
}

/* Range @n Size Low; zero from a device that does not answer. */
static u32 range_status(struct cxl_vfio_hw *hw, unsigned int n)
{
	u32 val;

	pci_read_config_dword(hw->pdev, hw->dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(n), &val);
	return PCI_POSSIBLE_ERROR(val) ? 0 : val;
}

/*
 * How long after a reset the range may take to become active, 0 when it is.
 * Memory_Info_Valid comes within a second, Memory_Active or Memory_Active_Degraded
 * within the range's own time of 1, 4, 16, 64 or 256 s; more is reserved (8.1.3.8.2).
 */
static unsigned int range_wait_ms(u32 status)
{
	if (!(status & CXLR_RANGE_MEM_INFO_VALID))
		return MEM_INFO_VALID_MS;
	if (status & CXLR_RANGE_MEM_USABLE)
		return 0;
	return MEM_INFO_VALID_MS +
	       (MSEC_PER_SEC << (2 * min(FIELD_GET(CXLR_RANGE_ACTIVE_TIMEOUT, status), 4u)));
}

static unsigned int ranges_wait_ms(struct cxl_vfio_hw *hw)
{
	unsigned int i, ms = 0;

	for (i = 0; i < nr_ranges(hw); i++)
		ms = max(ms, range_wait_ms(range_status(hw, i)));
	return ms;
}

/*
 * Does the device say that its memory may be accessed (8.1.3.8.2)? Outside of D0 the answer is no.
 * A configuration read a range, no wait.
 */
bool cxl_vfio_dvsec_mem_active(struct cxl_vfio_hw *hw)
{
	return nr_ranges(hw) && !ranges_wait_ms(hw);
}

/*
 * Look once whether the device's memory is active (8.1.3.8.2), for which the caller has waited
 * since @start, in jiffies. Return: 0; -EAGAIN: not yet; -ENODEV when the device does not answer,
 * or -ETIMEDOUT, logged.
 */
int cxl_vfio_dvsec_check_active(struct cxl_vfio_hw *hw, unsigned long start)
{
	unsigned int limit_ms = ranges_wait_ms(hw);

	if (!limit_ms)
		return 0;
	if (cxl_vfio_check_present(hw))
		return -ENODEV;
	if (time_before_eq(jiffies, start + msecs_to_jiffies(limit_ms)))
		return -EAGAIN;
	dev_err_ratelimited(&hw->pdev->dev,
			    "memory did not become active within %u ms (range 1 reads %#x): the device or its firmware is not ready\n",
			    limit_ms, range_status(hw, 0));
	return -ETIMEDOUT;
}

/*
 * Wait until the device's memory is active (8.1.3.8.2). Sleeps for as long as the device may take
 * by its Memory_Active_Timeout (1 s to 256 s), so the caller holds no lock that a fault or an open
 * needs. No CXL Reset can run. Return: 0; -EINTR when killed; or as cxl_vfio_dvsec_check_active().
 */
int cxl_vfio_dvsec_wait_active(struct cxl_vfio_hw *hw)
{
	unsigned long start = jiffies;
	int ret;

	while ((ret = cxl_vfio_dvsec_check_active(hw, start)) == -EAGAIN) {
		schedule_timeout_killable(msecs_to_jiffies(CXL_VFIO_ACTIVE_POLL_MS));
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return ret;
}

/* How much memory the device has, in bytes, by its DVSEC ranges (8.1.3.8). */
u64 cxl_vfio_dvsec_capacity(struct cxl_vfio_hw *hw)
{
	struct pci_dev *pdev = hw->pdev;
	unsigned int i;
	u64 capacity = 0;

	for (i = 0; i < nr_ranges(hw); i++) {
		u32 low, high;

		pci_read_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(i), &low);
		pci_read_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_SIZE_HIGH(i), &high);
		capacity += (u64)high << 32 | (low & CXLR_RANGE_SIZE_LOW_MASK);
	}
	return capacity;
}

/*
 * Write to Control2 what controls the cache, and what starts something. The rest of the register
 * is the host's, and stays.
 */
void cxl_vfio_dvsec_write_control2(struct cxl_vfio_hw *hw, u16 val)
{
	u16 is;

	pci_read_config_word(hw->pdev, hw->dvsec + CXLR_DVSEC_CTRL2, &is);
	if (!PCI_POSSIBLE_ERROR(is))
		pci_write_config_word(hw->pdev, hw->dvsec + CXLR_DVSEC_CTRL2,
				      (is & ~CONTROL2_USER) | val);
}

/*
 * How many milliseconds a CXL Reset may take: powers of ten, more is reserved (8.1.3.1). The first
 * would be 10 ms, but the driver must not look so soon.
 */
unsigned int cxl_vfio_dvsec_reset_timeout_ms(struct cxl_vfio_hw *hw)
{
	static const unsigned int ms[] = { RESET_QUIET_MS, 100, 1000, 10000, 100000 };

	return ms[min(FIELD_GET(CXLR_CAP_RESET_TIMEOUT, hw->cap), ARRAY_SIZE(ms) - 1)];
}

/*
 * The specification gives the write-back no time of its own, but the size of
 * the cache to judge by (8.1.3.7). A millisecond for each 64 KiB is 64 MB/s.
 */
static unsigned int wbi_timeout_ms(struct cxl_vfio_hw *hw)
{
	static const unsigned int units_of_64k[] = { 0, 1, 16 };
	unsigned int unit;
	u16 cap2;

	pci_read_config_word(hw->pdev, hw->dvsec + CXLR_DVSEC_CAP2, &cap2);
	unit = FIELD_GET(CXLR_CAP2_CACHE_SIZE_UNIT, cap2);
	if (unit >= ARRAY_SIZE(units_of_64k))
		unit = 0;
	return 100 + FIELD_GET(CXLR_CAP2_CACHE_SIZE, cap2) * units_of_64k[unit];
}

/*
 * Wait until the device has done what Control2 asked for: @mask are bits of Status2. Goes on
 * if the user closes the device: one that has begun is not touched before it has ended. It may
 * be silent in a reset, so silence alone proves nothing. Return: those bits of @mask that are set;
 * -ETIMEDOUT; -ENODEV if it was removed.
 */
static int wait_status2(struct cxl_vfio_hw *hw, u16 mask, unsigned int timeout_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	bool late;
	u16 status;

	do {
		late = time_after(jiffies, end);
		pci_read_config_word(hw->pdev, hw->dvsec + CXLR_DVSEC_STATUS2, &status);
		if (!PCI_POSSIBLE_ERROR(status) && status & mask)
			return status & mask;
		if (cxl_vfio_is_gone(hw))
			return -ENODEV;
		msleep(STATUS2_POLL_MS);
	} while (!late);
	return -ETIMEDOUT;
}

/*
 * Make a CXL Reset, with configuration access locked and the device in D0; with @clear it clears
 * its memory. Takes as long as the device says that it may (cxl_vfio_dvsec_reset_timeout_ms()).
 * It is left alone for 100 ms, and then asked for Status2, and nothing else, until it has ended
 * (9.7.3). Return: CXLR_STATUS2_RESET_COMPLETE or CXLR_STATUS2_RESET_ERROR; -ETIMEDOUT; -ENODEV
 * if it was removed.
 */
int cxl_vfio_dvsec_run_reset(struct cxl_vfio_hw *hw, bool clear)
{
	int ret;

	cxl_vfio_dvsec_write_control2(hw, CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_RESET |
				      (clear ? CXLR_CTRL2_RESET_MEM_CLR : 0));
	msleep(RESET_QUIET_MS);
	ret = wait_status2(hw, CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR,
			   cxl_vfio_dvsec_reset_timeout_ms(hw) - RESET_QUIET_MS);
	/* One that has not ended is left alone. */
	if (ret != -ETIMEDOUT)
		cxl_vfio_dvsec_write_control2(hw, 0);
	return ret;
}

/*
 * Have a device in D0 cache nothing of the host's memory: before a CXL Reset (9.7), and before D3
 * (9.6). It caches nothing new until it is let (cxl_vfio_dvsec_write_control2()).
 * Return: 0, also without a cache that can be told; -EIO, logged, if it did not end.
 */
int cxl_vfio_dvsec_write_back(struct cxl_vfio_hw *hw)
{
	unsigned int timeout_ms = wbi_timeout_ms(hw);

	if (!cxl_vfio_has_cache(hw) || !(hw->cap & CXLR_CAP_CACHE_WBI_CAPABLE))
		return 0;
	cxl_vfio_dvsec_write_control2(hw, CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI);
	if (wait_status2(hw, CXLR_STATUS2_CACHE_INVALID, timeout_ms) != -ETIMEDOUT)
		return 0;
	dev_warn_ratelimited(&hw->pdev->dev, "cache write-back did not end in %u ms\n", timeout_ms);
	return -EIO;
}

/* May this function have a CXL Reset? It would be of all functions (9.7), which others may use. */
bool cxl_vfio_dvsec_can_reset(const struct cxl_vfio_hw *hw)
{
	return hw->cap & CXLR_CAP_RESET_CAPABLE && !hw->pdev->multifunction;
}

/* Can a CXL Reset clear the memory? */
bool cxl_vfio_dvsec_reset_clears(const struct cxl_vfio_hw *hw)
{
	return cxl_vfio_dvsec_can_reset(hw) && hw->cap & CXLR_CAP_RESET_MEM_CLR;
}

/* Control as the platform had it, but for a cache that the administrator denies. */
static u16 wanted_control(const struct cxl_vfio_hw *hw)
{
	return hw->platform.dvsec_ctrl & ~(hw->cache_denied ? CXLR_CTRL_CACHE_ENABLE : 0);
}

/* CONFIG_LOCK locks Base and Control, so that comes last (8.1.3.6). */
static void restore_unlocked(struct cxl_vfio_hw *hw)
{
	const struct cxl_vfio_platform *platform = &hw->platform;
	struct pci_dev *pdev = hw->pdev;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pci_write_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_BASE_HIGH(i),
				       platform->range_base_high[i]);
		pci_write_config_dword(pdev, hw->dvsec + CXLR_DVSEC_RANGE_BASE_LOW(i),
				       platform->range_base_low[i]);
	}
	pci_write_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL, wanted_control(hw));
	pci_write_config_word(pdev, hw->dvsec + CXLR_DVSEC_LOCK, platform->dvsec_lock);
}

/*
 * Put back what the platform had in the DVSEC of a device in D0. A CXL Reset keeps CONFIG_LOCK and
 * what that locks (8.1.3.6), and clears Control2. Return: 0, or -EIO, logged.
 */
int cxl_vfio_dvsec_restore(struct cxl_vfio_hw *hw)
{
	const u16 want = wanted_control(hw), want2 = hw->platform.dvsec_ctrl2;
	struct pci_dev *pdev = hw->pdev;
	u16 lock, ctrl, ctrl2;

	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL2, &ctrl2);
	if ((ctrl2 ^ want2) & ~CONTROL2_USER)
		pci_write_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL2,
				      (ctrl2 & CONTROL2_USER) | (want2 & ~CONTROL2_USER));
	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_LOCK, &lock);
	if (!(lock & CXLR_LOCK_CONFIG_LOCK))
		restore_unlocked(hw);

	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL, &ctrl);
	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_CTRL2, &ctrl2);
	if (ctrl == want && !((ctrl2 ^ want2) & ~CONTROL2_USER))
		return 0;
	pci_err(pdev, "DVSEC Control and Control2 read %#x and %#x, not %#x and %#x\n",
		ctrl, ctrl2, want, want2);
	return -EIO;
}

/*
 * Was there no conventional reset? Of all resets only those take Mem_Enable (8.1.3.2), and the PCI
 * core does not put it back. Return: false also if the platform had it clear; true also if the
 * device does not answer.
 */
bool cxl_vfio_dvsec_kept_mem_enable(struct cxl_vfio_hw *hw)
{
	u16 ctrl;

	if (!(hw->platform.dvsec_ctrl & CXLR_CTRL_MEM_ENABLE))
		return false;
	pci_read_config_word(hw->pdev, hw->dvsec + CXLR_DVSEC_CTRL, &ctrl);
	return PCI_POSSIBLE_ERROR(ctrl) || ctrl & CXLR_CTRL_MEM_ENABLE;
}
