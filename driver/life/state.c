// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the device leaves the state in which its memory may be touched, and how it comes back: for
 * each reason what life/rules.c says. The reason that ends last puts back what the platform had
 * programmed, or the memory is out of use and the log says why.
 */
#include <linux/pci.h>

#include "life/life.h"

/*
 * Take the memory out of reach, until cxl_vfio_back(). On return no access is under way, no
 * mapping is left, and what the rule says of caches and of the kernel's mapping is done. With a
 * link that is down nothing can be written back. Return: 0; or why caches could not be flushed
 * that may have lines of the memory.
 */
int cxl_vfio_leave(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why)
{
	const struct cxl_vfio_rule *rule = &cxl_vfio_rules[why];

	/* The user is told before the mappings go, and of nothing that is not so. */
	cxl_vfio_mem_forbid(&cxlv->mem, why);
	cxl_vfio_access_end(cxlv);
	cxl_vfio_mem_revoke(&cxlv->mem, why);
	if (rule->unmap)
		cxl_vfio_backing_unmap(&cxlv->mem);
	if (!rule->flush || pci_channel_offline(cxlv->core.pdev))
		return 0;
	return cxl_vfio_mem_flush_touched(&cxlv->mem);
}

/*
 * Note what the user of the open device has enabled; configuration access is locked. A reset by
 * error recovery loses it, and the PCI core has saved what was enabled at some reset before. A
 * device that does not answer, or recovers, is being reset: it has what it had.
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

/* What a user has enabled and put to sleep is no matter any more: the device is being closed. */
void cxl_vfio_forget_user(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_POWER);
	guard(cxl_vfio_config)(cxlv->core.pdev);
	cxlv->command = -1;
}

/*
 * The device is gone, and does not come back: the PCI core has been told, by the slot or by error
 * recovery. Nothing takes this reason back: what comes into the slot is another device, also where
 * its memory gets the same addresses.
 */
void cxl_vfio_removed(struct cxl_vfio_device *cxlv)
{
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_GONE))
		return;
	pci_warn(cxlv->core.pdev, "the device was removed, or given up: its memory is gone for good\n");
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_GONE);
	wake_up_all(&cxlv->regs.request.ended);
}

/* See compat.h: those of 7.3 that do not end a CXL Reset look at the flags below. */
static_assert(PCI_NUM_RESET_METHODS == 8);

/*
 * A CXL Reset did not end in its time; the device lock is held. Only a conventional reset ends it:
 * FLR leaves CXL.mem as it is (9.5), and a write to PMCSR may be lost. So until then the PCI core
 * takes neither, also for the administrator's resets.
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

/* The PCI core may take any reset again; the device lock is held. */
void cxl_vfio_allow_resets(struct cxl_vfio_device *cxlv)
{
	cxlv->core.pdev->dev_flags &= ~cxlv->hung_flags;
	cxlv->hung_flags = 0;
}

/* The PCI core tells of an end also where no reset could be made. Return: 0, or -ETIMEDOUT. */
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
	if (ret) {
		cxl_vfio_mem_revoke(&cxlv->mem, CXL_VFIO_WHY_LOST);
		return ret;
	}
	cxl_vfio_ras_unmask(&cxlv->hw);
	cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_LOST);
	return 0;
}

/*
 * A reason has ended. The PCI core has locked configuration access around its resets, or the
 * caller has (pci_cfg_access_lock()). Does not wait for the memory to become active: each access
 * looks (cxl_vfio_mem_accessible()).
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
