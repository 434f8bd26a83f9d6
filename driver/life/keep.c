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
	bool committed_by_driver;	/* so unbind has taken that back */
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

/* At unbind, when all is as the platform had it. Return: 0 or -ENOMEM. */
int cxl_vfio_keep(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct kept *kept __free(free_kept) = kzalloc_obj(*kept);

	if (!kept)
		return -ENOMEM;
	kept->platform = cxlv->hw.platform;
	kept->committed_by_driver = cxlv->commitment;
	pci_save_state(pdev);
	kept->saved = pci_store_saved_state(pdev);
	if (!kept->saved || xa_err(xa_store(&kept_devices, (unsigned long)pdev, kept, GFP_KERNEL)))
		return -ENOMEM;
	retain_and_null_ptr(kept);
	return 0;
}

/*
 * At bind, before the device is enabled. Puts back configuration space. Return: whether the rest
 * is to be put back, which is the device's platform then.
 */
bool cxl_vfio_keep_take(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct kept *kept __free(free_kept) = xa_erase(&kept_devices, (unsigned long)pdev);

	if (!kept)
		return false;
	cxlv->hw.platform = kept->platform;
	guard(cxl_vfio_config)(pdev);
	if (!pci_load_saved_state(pdev, kept->saved))
		pci_restore_state(pdev);
	return !kept->committed_by_driver;
}

static int forget_removed(struct notifier_block *nb, unsigned long action, void *dev)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		free_kept(xa_erase(&kept_devices, (unsigned long)to_pci_dev(dev)));
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
	xa_for_each(&kept_devices, at, kept)
		free_kept(kept);
	xa_destroy(&kept_devices);
}
