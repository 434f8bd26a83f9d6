// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module holds the lock of a PCI device for as long as it is loaded. The kernel holds
 * that lock for a moment whenever it changes something about the device.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>

static ushort bus;
module_param(bus, ushort, 0444);
MODULE_PARM_DESC(bus, "the device's bus, in domain 0; its device and function are 0");

static struct pci_dev *pdev;
static struct task_struct *holder;
static DECLARE_COMPLETION(held);

/* A lock is for one thread, and those of loading and unloading are two. */
static int hold(void *unused)
{
	device_lock(&pdev->dev);
	complete(&held);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	device_unlock(&pdev->dev);
	return 0;
}

static int __init hold_init(void)
{
	pdev = pci_get_domain_bus_and_slot(0, bus, 0);
	if (!pdev)
		return -ENODEV;
	holder = kthread_run(hold, NULL, "hold");
	if (IS_ERR(holder)) {
		pci_dev_put(pdev);
		return PTR_ERR(holder);
	}
	wait_for_completion(&held);
	return 0;
}

static void __exit hold_exit(void)
{
	kthread_stop(holder);
	pci_dev_put(pdev);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("Test module: holds a device's lock");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
