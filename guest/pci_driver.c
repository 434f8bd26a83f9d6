// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver: bind and unbind, and resets by others.
 */
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "cxl_accel.h"

static DEFINE_IDA(ids);

static void accel_free(struct kref *ref)
{
	struct accel *accel = container_of(ref, struct accel, ref);

	ida_free(&ids, accel->id);
	kfree(accel);
}

/**
 * accel_put - drop a reference on the device's state
 * @accel: freed with the last one
 */
void accel_put(struct accel *accel)
{
	kref_put(&accel->ref, accel_free);
}

static void put_accel(void *accel)
{
	accel_put(accel);
}

/* The state outlives the binding while files are open. */
static struct accel *accel_alloc(struct pci_dev *pdev)
{
	struct accel *accel = kzalloc_obj(*accel);

	if (!accel)
		return NULL;
	accel->id = ida_alloc(&ids, GFP_KERNEL);
	if (accel->id < 0) {
		kfree(accel);
		return NULL;
	}
	kref_init(&accel->ref);
	accel->pdev = pdev;
	snprintf(accel->name, sizeof(accel->name), "cxl_accel%d", accel->id);
	init_rwsem(&accel->lock);
	INIT_LIST_HEAD(&accel->files);
	mutex_init(&accel->buffers_lock);
	INIT_LIST_HEAD(&accel->buffers);
	accel->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = accel->name,
		.fops = &accel_fops,
		.parent = &pdev->dev,
	};
	return accel;
}

static u32 read_id(struct accel *accel, unsigned int offset)
{
	return readl(accel->bar + CXL_ACCEL_ID_OFFSET + offset);
}

static int identify(struct accel *accel)
{
	struct pci_dev *pdev = accel->pdev;
	u32 magic, version;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable the device\n");
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no DMA to 64-bit addresses\n");

	/* Not requested: the CXL core claims the registers in it that are CXL's. */
	accel->bar = pcim_iomap(pdev, CXL_ACCEL_BAR, CXL_ACCEL_BAR_SIZE);
	if (!accel->bar)
		return dev_err_probe(&pdev->dev, -ENOMEM, "cannot map BAR %u\n", CXL_ACCEL_BAR);

	magic = read_id(accel, CXL_ACCEL_ID_MAGIC);
	version = read_id(accel, CXL_ACCEL_ID_VERSION);
	if (magic != CXL_ACCEL_MAGIC || version != CXL_ACCEL_VERSION)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "not an accelerator that this driver knows (magic %#x, version %u)\n",
				     magic, version);

	accel->capacity = (u64)read_id(accel, CXL_ACCEL_ID_MEM_SIZE_HIGH) << 32 |
			  read_id(accel, CXL_ACCEL_ID_MEM_SIZE_LOW);
	accel->ops = read_id(accel, CXL_ACCEL_ID_OPS);
	return 0;
}

/* Everything acquired is the PCI device's devres; its last act is put_accel(). */
static int accel_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct accel *accel;
	int ret;

	accel = accel_alloc(pdev);
	if (!accel)
		return -ENOMEM;
	ret = devm_add_action_or_reset(dev, put_accel, accel);
	if (ret)
		return ret;

	ret = identify(accel);
	if (ret)
		return ret;
	ret = accel_cxl_attach(accel);
	if (ret)
		return ret;
	ret = accel_memory_init(accel);
	if (ret)
		return ret;
	ret = accel_engine_init(accel);
	if (ret)
		return ret;

	pci_set_drvdata(pdev, accel);
	pci_set_master(pdev);
	accel_engine_start(accel);

	ret = misc_register(&accel->misc);
	if (ret) {
		accel_engine_stop(accel, -ENODEV);
		pci_clear_master(pdev);
		return dev_err_probe(dev, ret, "cannot create /dev/%s\n", accel->name);
	}
	pci_info(pdev, "/dev/%s: %llu MiB of own memory at %pra, %u interrupt vectors\n",
		 accel->name, range_len(&accel->hpa) >> 20, &accel->hpa, accel->engine.nr_vectors);
	return 0;
}

/* End all use of memory and engine; on return no mapping is left. */
static void block(struct accel *accel, int error)
{
	struct accel_file *file;

	guard(rwsem_write)(&accel->lock);
	accel_engine_stop(accel, error);
	list_for_each_entry(file, &accel->files, node)
		unmap_mapping_range(file->mapping, 0, 0, true);
}

static void accel_remove(struct pci_dev *pdev)
{
	struct accel *accel = pci_get_drvdata(pdev);

	misc_deregister(&accel->misc);
	block(accel, -ENODEV);
	pci_clear_master(pdev);
	accel_memory_exit(accel);
}

static void accel_reset_prepare(struct pci_dev *pdev)
{
	block(pci_get_drvdata(pdev), -EAGAIN);
}

static void accel_reset_done(struct pci_dev *pdev)
{
	struct accel *accel = pci_get_drvdata(pdev);

	/* FLR leaves the decoders alone (CXL 3.1, 9.5); other resets do not. */
	if (!accel_cxl_usable(accel)) {
		pci_err(pdev, "the reset took away the window of the device's memory: unbind the driver; a reboot has the firmware commit the HDM decoder again\n");
		block(accel, -EIO);
		return;
	}
	guard(rwsem_write)(&accel->lock);
	accel_engine_start(accel);
}

static const struct pci_error_handlers accel_err_handlers = {
	.reset_prepare = accel_reset_prepare,
	.reset_done = accel_reset_done,
};

static const struct pci_device_id accel_ids[] = {
	{ PCI_DEVICE(CXL_ACCEL_VENDOR_ID, CXL_ACCEL_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, accel_ids);

static struct pci_driver accel_driver = {
	.name = "cxl_accel",
	.id_table = accel_ids,
	.probe = accel_probe,
	.remove = accel_remove,
	.err_handler = &accel_err_handlers,
};

module_pci_driver(accel_driver);

MODULE_IMPORT_NS("CXL");
MODULE_SOFTDEP("pre: cxl_acpi cxl_port cxl_mem");
MODULE_DESCRIPTION("The emulated CXL accelerator's driver");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
