// SPDX-License-Identifier: GPL-2.0-only
/* System sleep, which is refused: memory and perhaps decoders would be lost, untold to the user. */
#include <linux/pci.h>
#include <linux/suspend.h>

#include "life/life.h"

static int sleep_event(struct notifier_block *notifier, unsigned long event, void *unused)
{
	struct cxl_vfio_device *cxlv = container_of(notifier, struct cxl_vfio_device, sleep);

	if (event != PM_SUSPEND_PREPARE && event != PM_HIBERNATION_PREPARE &&
	    event != PM_RESTORE_PREPARE)
		return NOTIFY_DONE;
	pci_warn(cxlv->core.pdev,
		 "the system cannot sleep: this device's memory would be lost; unbind it first\n");
	return notifier_from_errno(-EBUSY);
}

/* A process that asks for sleep gets -EBUSY from now on. Return: 0, or an error that was logged. */
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
