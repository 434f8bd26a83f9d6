// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets. Whoever resets the device (a user, the VFIO core at open and close,
 * the administrator by sysfs), the decoders end as the platform had them, or
 * the memory is out of use and the log says why.
 */
#include <linux/io.h>
#include <linux/memregion.h>
#include <linux/pci.h>

#include "cxl_vfio.h"
#include "trace.h"

/**
 * cxl_vfio_reset_sample - remember the CXL state that the platform programmed
 * @cxlv: the device, being bound; its registers are mapped
 *
 * Return: 0, or -EIO when the registers cannot be read, logged.
 */
int cxl_vfio_reset_sample(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_platform *platform = &cxlv->platform;
	void __iomem *hdm = cxl_vfio_hdm(cxlv);
	struct pci_dev *pdev = cxlv->core.pdev;
	unsigned int i, count;

	platform->hdm_cap = readl(hdm + CXLR_HDM_CAP);
	count = cxlr_hdm_decoder_count(platform->hdm_cap);
	if (PCI_POSSIBLE_ERROR(platform->hdm_cap) || !count ||
	    CXLR_HDM_SIZE(count) > cxlv->comp.hdm_size) {
		pci_err(pdev, "the HDM decoders do not answer sensibly (capability reads %#x)\n",
			platform->hdm_cap);
		return -EIO;
	}

	platform->hdm_global = readl(hdm + CXLR_HDM_GLOBAL_CTRL);
	for (i = 0; i < count; i++)
		cxl_vfio_decoder_read(hdm, i, &platform->decoder[i]);

	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CTRL, &platform->dvsec_ctrl);
	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_LOCK, &platform->dvsec_lock);
	for (i = 0; i < 2; i++) {
		pci_read_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_BASE_LOW(i),
				      &platform->range_base_low[i]);
		pci_read_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_BASE_HIGH(i),
				      &platform->range_base_high[i]);
	}
	return 0;
}

/**
 * cxl_vfio_write_control2 - CXL Control2 of the device
 * @cxlv: the device
 * @val: what controls its cache, and what starts something
 *
 * The rest of the register is the host's, and stays.
 */
void cxl_vfio_write_control2(struct cxl_vfio_device *cxlv, u16 val)
{
	const u16 ours = CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI |
			 CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR;
	struct pci_dev *pdev = cxlv->core.pdev;
	u16 is;

	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CTRL2, &is);
	if (!PCI_POSSIBLE_ERROR(is))
		pci_write_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CTRL2, (is & ~ours) | val);
}

/**
 * cxl_vfio_reset_invalidate - no processor has lines of the memory in its caches
 * @cxlv: the device; nobody can touch the memory
 *
 * Dirty ones are written back. As cxl_region_decode_reset() does.
 *
 * Return: 0; -EOPNOTSUPP where there is no such instruction, as in a virtual
 * machine that says it is one; or why it failed.
 */
int cxl_vfio_reset_invalidate(struct cxl_vfio_device *cxlv)
{
	const struct range *hpa = &cxlv->mem.hpa;

	if (!cpu_cache_has_invalidate_memregion())
		return -EOPNOTSUPP;
	return cpu_cache_invalidate_memregion(hpa->start, range_len(hpa));
}

/**
 * cxl_vfio_reset_quiesce - nobody touches the memory until a reset has ended
 * @cxlv: the device
 *
 * Ended by cxl_vfio_mem_unblock() of CXL_VFIO_BLOCK_RESET.
 */
void cxl_vfio_reset_quiesce(struct cxl_vfio_device *cxlv)
{
	trace_cxl_vfio_reset_begin(&cxlv->core.pdev->dev);
	cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_RESET);
	/* Lines that users left dirty would be written to a decoder that is gone. */
	if (cxl_vfio_clear_used(cxlv))
		cxl_vfio_reset_invalidate(cxlv);
}

/**
 * cxl_vfio_reset_prepare - a reset is about to begin
 * @cxlv: the device
 *
 * From the PCI core, with the device lock and perhaps memory_lock held.
 */
void cxl_vfio_reset_prepare(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_reset_quiesce(cxlv);
	cxl_vfio_regs_reset_begin(cxlv);
}

/* Base and CONTROL are locked by CONFIG_LOCK, so that comes last (8.1.3.6). */
static int restore_dvsec(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_platform *platform = &cxlv->platform;
	struct pci_dev *pdev = cxlv->core.pdev;
	unsigned int i;
	u16 lock, ctrl;

	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_LOCK, &lock);
	if (lock & CXLR_LOCK_CONFIG_LOCK)
		return 0;

	for (i = 0; i < 2; i++) {
		pci_write_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_BASE_HIGH(i),
				       platform->range_base_high[i]);
		pci_write_config_dword(pdev, cxlv->dvsec + CXLR_DVSEC_RANGE_BASE_LOW(i),
				       platform->range_base_low[i]);
	}
	pci_write_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CTRL, platform->dvsec_ctrl);
	pci_write_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_LOCK, platform->dvsec_lock);

	pci_read_config_word(pdev, cxlv->dvsec + CXLR_DVSEC_CTRL, &ctrl);
	if (ctrl == platform->dvsec_ctrl)
		return 0;
	pci_err(pdev, "DVSEC Control reads %#x after a reset, not %#x\n", ctrl,
		platform->dvsec_ctrl);
	return -EIO;
}

/* Committed to something else is not the work of a reset, and not to be rewritten. */
static int restore_decoder(struct cxl_vfio_device *cxlv, unsigned int n)
{
	const struct cxl_vfio_decoder *want = &cxlv->platform.decoder[n];

	if (!(want->ctrl & CXLR_HDM_CTRL_COMMITTED))
		return 0;
	return cxl_vfio_decoder_commit(cxl_vfio_hdm(cxlv), n, want);
}

static int restore_decoders(struct cxl_vfio_device *cxlv)
{
	unsigned int i, count = cxlr_hdm_decoder_count(cxlv->platform.hdm_cap);
	void __iomem *global = cxl_vfio_hdm(cxlv) + CXLR_HDM_GLOBAL_CTRL;
	int ret;

	for (i = 0; i < count; i++) {
		ret = restore_decoder(cxlv, i);
		/* Said once, however often it is tried again. */
		if (ret && !(READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_UNUSABLE))
			pci_err(cxlv->core.pdev,
				"decoder %u could not be restored after a reset (%pe): the memory is out of use until another reset succeeds, or the platform programs it again (reboot)\n",
				i, ERR_PTR(ret));
		if (ret)
			return ret;
	}
	if (readl(global) != cxlv->platform.hdm_global)
		writel(cxlv->platform.hdm_global, global);
	return 0;
}

/*
 * A reset above a switch takes the switch's decoders as well. They are not this
 * driver's to program: the CXL core holds them for committed, and the other devices
 * behind the switch have theirs among them, in an order (8.2.4.20.12).
 */
static int check_switches(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *astray = cxl_vfio_switch_astray(cxlv, &cxlv->mem.hpa);

	if (!astray)
		return 0;
	if (!(READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_UNUSABLE))
		pci_err(cxlv->core.pdev,
			"no HDM decoder of switch %s leads here after a reset: the memory is out of use until the platform programs it again and the device is reset\n",
			pci_name(astray));
	return -ENXIO;
}

/**
 * cxl_vfio_mmio_begin - have the device decode its BARs
 * @pdev: the device, in D0
 *
 * Memory decoding may be off (QEMU resets the device while it realizes it),
 * and a write to the decoders would then be lost without a word.
 *
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

/* As it was before. */
void cxl_vfio_mmio_end(struct pci_dev *pdev, u16 command)
{
	if (!(command & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND, command);
}

bool cxl_vfio_reset_is_hung(const struct cxl_vfio_device *cxlv)
{
	return READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_HUNG;
}

/**
 * cxl_vfio_reset_hang - a CXL Reset did not end in its time
 * @cxlv: the device, whose lock is held
 *
 * It may still be at it, and only a conventional reset ends that: FLR leaves CXL.mem as
 * it is (9.5), and a write to PMCSR may be lost like any other. So until then the PCI
 * core takes neither, whoever has it reset the device.
 */
void cxl_vfio_reset_hang(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	cxlv->hung_flags |= (PCI_DEV_FLAGS_NO_FLR_RESET | PCI_DEV_FLAGS_NO_PM_RESET) &
			    ~pdev->dev_flags;
	pdev->dev_flags |= cxlv->hung_flags;
	cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_HUNG);
}

/* The PCI core may take any reset again. */
static void allow_resets(struct cxl_vfio_device *cxlv)
{
	cxlv->core.pdev->dev_flags &= ~cxlv->hung_flags;
	cxlv->hung_flags = 0;
}

/*
 * Of all resets only conventional ones take Mem_Enable (8.1.3.2), and the PCI core does not put
 * it back.
 */
static bool kept_mem_enable(struct cxl_vfio_device *cxlv)
{
	u16 ctrl;

	if (!(cxlv->platform.dvsec_ctrl & CXLR_CTRL_MEM_ENABLE))
		return false;
	pci_read_config_word(cxlv->core.pdev, cxlv->dvsec + CXLR_DVSEC_CTRL, &ctrl);
	return PCI_POSSIBLE_ERROR(ctrl) || ctrl & CXLR_CTRL_MEM_ENABLE;
}

/*
 * The PCI core tells the end of a reset also where none could be made. Return: 0, also if
 * nothing hung; -ETIMEDOUT if it still does.
 */
static int unhang(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_reset_is_hung(cxlv))
		return 0;
	if (kept_mem_enable(cxlv))
		return -ETIMEDOUT;
	allow_resets(cxlv);
	cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_HUNG);
	return 0;
}

static int restore(struct cxl_vfio_device *cxlv)
{
	u16 command;
	int ret;

	if (!cxl_vfio_answers(cxlv)) {
		if (!(READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_UNUSABLE))
			pci_err(cxlv->core.pdev, "the device does not answer: its memory is out of use until a reset succeeds\n");
		return -ENODEV;
	}
	command = cxl_vfio_mmio_begin(cxlv->core.pdev);
	ret = restore_decoders(cxlv);
	cxl_vfio_mmio_end(cxlv->core.pdev, command);
	return ret ?: restore_dvsec(cxlv) ?: check_switches(cxlv);
}

/**
 * cxl_vfio_reset_restore - put back what a reset, or D3, took
 * @cxlv: the device, in D0; the device lock or memory_lock is held, or the
 *	  device is not open
 *
 * Does not wait for the memory to become active: cxl_vfio_mem_live() looks at
 * every access.
 *
 * Return: 0, or why the memory is out of use now, logged; -ENODEV also of a device that
 * was removed; -ETIMEDOUT also, with nothing done, of one that is still in a CXL Reset.
 */
int cxl_vfio_reset_restore(struct cxl_vfio_device *cxlv)
{
	int ret;

	if (cxl_vfio_is_absent(cxlv))
		return -ENODEV;
	ret = unhang(cxlv);
	if (ret)
		return ret;
	ret = restore(cxlv);
	if (ret)
		cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_UNUSABLE);
	else
		cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_UNUSABLE);
	return ret;
}

/**
 * cxl_vfio_reset_end_hung - end a CXL Reset that does not end by itself
 * @cxlv: the device, whose lock is not held; nobody is in its BARs
 *
 * By the first of the PCI device's reset_method that can. The VFIO core would have that
 * done without a lock on the bridge.
 *
 * Return: 0, also if there is none; -EAGAIN if somebody has a lock that is needed; -ENODEV
 * if the device does not answer, logged; or why it has not ended.
 */
int cxl_vfio_reset_end_hung(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	int ret;

	if (!cxl_vfio_reset_is_hung(cxlv))
		return 0;
	ret = cxl_vfio_check_answers(cxlv);
	if (ret)
		return ret;
	if (bridge && !pci_dev_trylock(bridge))
		return -EAGAIN;
	ret = pci_try_reset_function(pdev);
	if (bridge)
		pci_dev_unlock(bridge);
	return cxl_vfio_reset_is_hung(cxlv) ? ret ?: -ETIMEDOUT : 0;
}

/*
 * The same reset from unbind, which has the device lock. So no other reset of the bus can be under
 * way; one that waits for unbind may have the bridge. The registers are what the last
 * close found at open: what it wrote back of them may be lost.
 */
static int reset_locked(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool locked = bridge && pci_dev_trylock(bridge);
	int ret;

	pci_cfg_access_lock(pdev);
	ret = __pci_reset_function_locked(pdev);
	pci_restore_state(pdev);
	pci_cfg_access_unlock(pdev);
	if (locked)
		pci_dev_unlock(bridge);
	return ret;
}

/**
 * cxl_vfio_reset_unbind - leave the decoders as the platform had them
 * @cxlv: the device, being unbound, which nobody has open any more
 *
 * The last close could not, if it was unbind that it waited for: that has the device lock.
 */
void cxl_vfio_reset_unbind(struct cxl_vfio_device *cxlv)
{
	int ret = -ENODEV;

	if (cxl_vfio_reset_is_hung(cxlv) && cxl_vfio_answers(cxlv))
		ret = reset_locked(cxlv);
	cxl_vfio_reset_restore(cxlv);
	if (cxl_vfio_reset_is_hung(cxlv) && !cxl_vfio_is_absent(cxlv))
		pci_err(cxlv->core.pdev, "left in a CXL Reset that no reset of its bus has ended (%pe): its memory cannot be reached until one does\n",
			ERR_PTR(ret ?: -ETIMEDOUT));
	allow_resets(cxlv);
}

/**
 * cxl_vfio_reset_decoder_lost - has a reset taken the decoder?
 * @cxlv: the device; no other reset runs
 *
 * FLR does not (9.5), all others do.
 *
 * Return: whether it is not committed, or does not answer.
 */
bool cxl_vfio_reset_decoder_lost(struct cxl_vfio_device *cxlv)
{
	u16 command = cxl_vfio_mmio_begin(cxlv->core.pdev);
	u32 ctrl = readl(cxl_vfio_hdm(cxlv) + CXLR_HDM_CTRL(cxlv->mem.decoder));

	cxl_vfio_mmio_end(cxlv->core.pdev, command);
	return PCI_POSSIBLE_ERROR(ctrl) || !(ctrl & CXLR_HDM_CTRL_COMMITTED);
}

/**
 * cxl_vfio_reset_ended - count and tell the end of a reset
 * @cxlv: the device
 * @kind: what it did to the registers
 * @ret: 0, or why it failed, or the memory is out of use since
 */
void cxl_vfio_reset_ended(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret)
{
	trace_cxl_vfio_reset_end(&cxlv->core.pdev->dev, kind, ret);
	cxl_vfio_count(cxlv, ret ? CXL_VFIO_COUNT_RESETS_FAILED : CXL_VFIO_COUNT_RESETS);
}

/**
 * cxl_vfio_reset_done - a reset has ended
 * @cxlv: the device
 *
 * The virtual registers follow what the device was seen to do. But a reset
 * that the user of the device itself asked for is the machine's, whichever way
 * the PCI core resets the function: it lets go of the virtual decoder, lock
 * and all, so that the next firmware can place it.
 */
void cxl_vfio_reset_done(struct cxl_vfio_device *cxlv)
{
	bool lost = (!unhang(cxlv) && cxl_vfio_reset_decoder_lost(cxlv)) ||
		    atomic_read(&cxlv->user_resets);
	enum cxlr_reset kind = lost ? CXLR_RESET_CONVENTIONAL : CXLR_RESET_FLR;
	int ret = cxl_vfio_reset_restore(cxlv);

	/* One that was woken for the reset could not be asked yet. */
	if (!ret)
		cxl_vfio_errors_unmask(cxlv);
	cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_RESET);
	cxl_vfio_regs_reset_end(cxlv, kind, ret);
	cxl_vfio_reset_ended(cxlv, kind, ret);
}
