// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver. It has no ids: a device gets it by driver_override only.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "coherent.h"

/* The file's name is one. */
static unsigned long bound;

static void coherent_free(struct kref *ref)
{
	kfree(container_of(ref, struct coherent, ref));
}

/**
 * coherent_put - drop a reference on the device's state
 * @coherent: freed with the last one
 */
void coherent_put(struct coherent *coherent)
{
	kref_put(&coherent->ref, coherent_free);
}

static void put_coherent(void *coherent)
{
	clear_bit(0, &bound);
	coherent_put(coherent);
}

static int coherent_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct coherent *coherent;
	int ret;

	if (test_and_set_bit(0, &bound))
		return dev_err_probe(&pdev->dev, -EBUSY, "one device at a time\n");
	coherent = kzalloc_obj(*coherent);
	if (!coherent) {
		clear_bit(0, &bound);
		return -ENOMEM;
	}
	kref_init(&coherent->ref);
	init_rwsem(&coherent->lock);
	spin_lock_init(&coherent->pages_lock);
	coherent->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = "cxl_coherent",
		.fops = &coherent_fops,
		.parent = &pdev->dev,
	};
	ret = devm_add_action_or_reset(&pdev->dev, put_coherent, coherent);
	if (ret)
		return ret;

	ret = coherent_region_attach(pdev, &coherent->hpa);
	if (ret)
		return ret;
	ret = coherent_pages_init(coherent, &pdev->dev);
	if (ret)
		return ret;
	ret = misc_register(&coherent->misc);
	if (ret) {
		coherent_pages_exit(coherent);
		return dev_err_probe(&pdev->dev, ret, "cannot create /dev/cxl_coherent\n");
	}
	pci_set_drvdata(pdev, coherent);
	pci_info(pdev, "/dev/cxl_coherent: %lu pages at %pra\n", coherent->nr_pages,
		 &coherent->hpa);
	return 0;
}

static void coherent_remove(struct pci_dev *pdev)
{
	struct coherent *coherent = pci_get_drvdata(pdev);

	misc_deregister(&coherent->misc);
	scoped_guard(rwsem_write, &coherent->lock)
		coherent->gone = true;
	coherent_pages_exit(coherent);
}

static struct pci_driver coherent_driver = {
	.name = "cxl_coherent",
	.probe = coherent_probe,
	.remove = coherent_remove,
};

module_pci_driver(coherent_driver);

MODULE_IMPORT_NS("CXL");
MODULE_SOFTDEP("pre: cxl_acpi cxl_port cxl_mem");
MODULE_DESCRIPTION("Anonymous memory in a CXL device (prototype)");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
