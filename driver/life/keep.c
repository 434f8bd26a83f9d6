// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the platform programmed into a device that was unbound between an error and AER's reset of
 * the link. The reset finds no driver, takes BARs and decoders, and restores nothing
 * (pci_bus_error_reset()). The next bind does.
 */
#include <linux/device/bus.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "life/life.h"

struct kept {
	struct cxl_vfio_platform platform;
	struct pci_saved_state *saved;	/* configuration space */
	unsigned int bar;		/* the component registers' */
	resource_size_t bar_start;
	bool committed_by_driver;	/* so unbind has taken that back */
	bool restored;			/* configuration space is */
};

/* By the address of the pci_dev, while that is registered. */
static DEFINE_XARRAY(kept_devices);

static void free_kept(struct kept *kept)
{
	if (kept)
		kfree(kept->saved);
	kfree(kept);
}

DEFINE_FREE(free_kept, struct kept *, free_kept(_T))

/*
 * Configuration space as the platform had it; of a device that does not answer, as it was at bind,
 * with the driver's error masks.
 */
static struct pci_saved_state *save_config(struct cxl_vfio_hw *hw)
{
	if (!cxl_vfio_is_present(hw))
		return no_free_ptr(hw->saved);
	pci_save_state(hw->pdev);
	return pci_store_saved_state(hw->pdev);
}

/* At unbind, when all is as the platform had it. Return: 0 or -ENOMEM. */
int cxl_vfio_keep(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct kept *kept __free(free_kept) = kzalloc_obj(*kept);

	if (!kept)
		return -ENOMEM;
	kept->platform = cxlv->hw.platform;
	kept->committed_by_driver = cxlv->commitment;
	kept->bar = cxlv->hw.comp.bar;
	kept->bar_start = pci_resource_start(pdev, kept->bar);
	kept->saved = save_config(&cxlv->hw);
	if (!kept->saved || xa_err(xa_store(&kept_devices, (unsigned long)pdev, kept, GFP_KERNEL)))
		return -ENOMEM;
	retain_and_null_ptr(kept);
	return 0;
}

/* Without the reset, and when another driver has put it right or moved it, the device is sound. */
static bool is_outdated(const struct kept *kept, const struct cxl_vfio_hw *hw)
{
	return !kept->restored && (!cxl_vfio_platform_bar_lost(hw) ||
				   pci_resource_start(hw->pdev, kept->bar) != kept->bar_start);
}

/*
 * At bind, before the device is enabled. Puts back configuration space. Return: whether the rest
 * is to be put back, which is the device's platform then. Ended by cxl_vfio_keep_forget().
 */
bool cxl_vfio_keep_restore(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct kept *kept = xa_load(&kept_devices, (unsigned long)pdev);

	if (!kept)
		return false;
	cxlv->hw.comp.bar = kept->bar;
	guard(cxl_vfio_config)(pdev);
	if (is_outdated(kept, &cxlv->hw) || pci_load_saved_state(pdev, kept->saved))
		return false;
	cxlv->hw.platform = kept->platform;
	pci_restore_state(pdev);
	kept->restored = true;
	return !kept->committed_by_driver;
}

/* It is put back, or as good as that. */
void cxl_vfio_keep_forget(struct pci_dev *pdev)
{
	free_kept(xa_erase(&kept_devices, (unsigned long)pdev));
}

static int forget_removed(struct notifier_block *nb, unsigned long action, void *dev)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		cxl_vfio_keep_forget(to_pci_dev(dev));
	return NOTIFY_DONE;
}

static struct notifier_block pci_notifier = { .notifier_call = forget_removed };

/* Fails only for what is registered already (blocking_notifier_chain_register()). */
void cxl_vfio_keep_setup(void)
{
	bus_register_notifier(&pci_bus_type, &pci_notifier);
}

/* No device is bound. */
void cxl_vfio_keep_exit(void)
{
	struct kept *kept;
	unsigned long at;

	bus_unregister_notifier(&pci_bus_type, &pci_notifier);
	xa_for_each(&kept_devices, at, kept) {
		pci_warn((struct pci_dev *)at, "the module goes, and with it what the reset of its link takes: reboot before it is bound again\n");
		free_kept(kept);
	}
	xa_destroy(&kept_devices);
}
