// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the device leaves the state in which its memory may be touched, and how it comes
 * back: for each reason what life/rules.c says. Whatever it was that made it leave, the
 * one that ends last puts back what the platform had programmed, or the memory is out of
 * use and the log says why.
 */
#include <linux/pci.h>

#include "life/life.h"

/**
 * cxl_vfio_leave - take the memory out of reach
 * @cxlv: the device
 * @why: the reason
 *
 * On return no access is under way, no mapping is left, and what the rule says of caches
 * and of the kernel's mapping is done. With a link that is down nothing can be written back.
 * Ended by cxl_vfio_back().
 *
 * Return: 0; or why caches could not be flushed that may have lines of the memory.
 */
int cxl_vfio_leave(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why)
{
	const struct cxl_vfio_rule *rule = &cxl_vfio_rules[why];

	cxl_vfio_mem_revoke(&cxlv->mem, why);
	if (rule->unmap)
		cxl_vfio_backing_unmap(&cxlv->mem);
	if (!rule->flush || pci_channel_offline(cxlv->core.pdev))
		return 0;
	return cxl_vfio_mem_flush_touched(&cxlv->mem);
}

/**
 * cxl_vfio_note_command - what the user has enabled
 * @cxlv: the device, open; configuration access is locked
 *
 * A reset that error recovery makes loses it, and the PCI core has saved what was enabled
 * at some reset before. One that does not answer, or recovers, is being reset: it has what it had.
 */
void cxl_vfio_note_command(struct cxl_vfio_device *cxlv)
{
	u16 command;

	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR))
		return;
	pci_read_config_word(cxlv->core.pdev, PCI_COMMAND, &command);
	if (!PCI_POSSIBLE_ERROR(command))
		cxlv->command = command;
}

/**
 * cxl_vfio_forget_user - what a user has enabled and put to sleep is no matter any more
 * @cxlv: the device, being closed
 */
void cxl_vfio_forget_user(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_POWER);
	pci_cfg_access_lock(cxlv->core.pdev);
	cxlv->command = -1;
	pci_cfg_access_unlock(cxlv->core.pdev);
}

/* See compat.h: those of 7.3 that do not end a CXL Reset look at the flags below. */
static_assert(PCI_NUM_RESET_METHODS == 8);

/**
 * cxl_vfio_hang - a CXL Reset did not end in its time
 * @cxlv: the device, whose lock is held
 *
 * It may still be at it, and only a conventional reset ends that: FLR leaves CXL.mem as
 * it is (9.5), and a write to PMCSR may be lost like any other. So until then the PCI
 * core takes neither, also for resets by the administrator.
 */
void cxl_vfio_hang(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	cxlv->hung_flags |= (PCI_DEV_FLAGS_NO_FLR_RESET | PCI_DEV_FLAGS_NO_PM_RESET) &
			    ~pdev->dev_flags;
	pdev->dev_flags |= cxlv->hung_flags;
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_HUNG);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_CXL_RESET);
}

/**
 * cxl_vfio_allow_resets - the PCI core may take any reset again
 * @cxlv: the device, whose lock is held
 */
void cxl_vfio_allow_resets(struct cxl_vfio_device *cxlv)
{
	cxlv->core.pdev->dev_flags &= ~cxlv->hung_flags;
	cxlv->hung_flags = 0;
}

/*
 * The PCI core tells the end of a reset also where none could be made. Return: 0, also if
 * nothing hung; -ETIMEDOUT if it still does.
 */
static int end_hung(struct cxl_vfio_device *cxlv)
{
	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return 0;
	if (cxl_vfio_dvsec_kept_mem_enable(&cxlv->hw))
		return -ETIMEDOUT;
	cxl_vfio_allow_resets(cxlv);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_HUNG);
	return 0;
}

static int restore_device(struct cxl_vfio_device *cxlv)
{
	int ret;

	if (cxl_vfio_is_absent(&cxlv->hw))
		return -ENODEV;
	ret = end_hung(cxlv);
	if (ret || cxlv->core.pdev->current_state != PCI_D0)
		return ret;
	ret = cxl_vfio_platform_restore(&cxlv->hw, &cxlv->mem.hpa);
	if (!ret)
		cxl_vfio_ras_unmask(&cxlv->hw);
	if (ret)
		cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_WHY_LOST);
	else
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_LOST);
	return ret;
}

/**
 * cxl_vfio_back - a reason has ended
 * @cxlv: the device; configuration access is locked (pci_cfg_access_lock()), by the PCI
 *	  core around its resets, or by the caller: one at a time writes to COMMAND, the
 *	  DVSEC and the decoders
 * @why: the reason
 *
 * Does not wait for the memory to become active: cxl_vfio_mem_accessible() looks at
 * every access.
 *
 * Return: 0, also where another reason is left that restores; or why the memory is out of use
 * now, logged; -ENODEV also of a device that was removed; -ETIMEDOUT also, with nothing
 * done, of one that is still in a CXL Reset.
 */
int cxl_vfio_back(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why)
{
	int ret = 0;

	if (cxl_vfio_last_to_restore(why, READ_ONCE(cxlv->hw.reasons)))
		ret = restore_device(cxlv);
	cxl_vfio_mem_allow(&cxlv->mem, why);
	return ret;
}
