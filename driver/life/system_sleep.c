// SPDX-License-Identifier: GPL-2.0-only
/*
 * System sleep, which is refused: what is in the memory would be lost, and with
 * it perhaps the decoders, with nobody to say so to the device's user.
 */
#include <linux/pci.h>
#include <linux/suspend.h>

#include "life/life.h"

static int sleep_event(struct notifier_block *notifier, unsigned long event, void *unused)
{
	struct cxl_vfio_device *cxlv = container_of(notifier, struct cxl_vfio_device, sleep);

	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		pci_warn(cxlv->core.pdev,
			 "the system cannot sleep: this device's memory would be lost; unbind it first\n");
		return notifier_from_errno(-EBUSY);
	default:
		return NOTIFY_DONE;
	}
}

/**
 * cxl_vfio_system_sleep_refuse - no system sleep as long as a device is bound
 * @cxlv: the device, being bound
 *
 * A process that asks for sleep gets -EBUSY. Ended by cxl_vfio_system_sleep_allow().
 *
 * Return: 0, or an error that was logged.
 */
int cxl_vfio_system_sleep_refuse(struct cxl_vfio_device *cxlv)
{
	int ret;

	cxlv->sleep.notifier_call = sleep_event;
	ret = register_pm_notifier(&cxlv->sleep);
	if (ret)
		pci_err(cxlv->core.pdev, "cannot refuse system sleep: %pe\n", ERR_PTR(ret));
	return ret;
}

/* Undo cxl_vfio_system_sleep_refuse(). */
void cxl_vfio_system_sleep_allow(struct cxl_vfio_device *cxlv)
{
	unregister_pm_notifier(&cxlv->sleep);
}
