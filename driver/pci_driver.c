// SPDX-License-Identifier: GPL-2.0-only
/* The PCI driver: bind and unbind. */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "user/user.h"
#include "trace.h"

static int cxl_vfio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct cxl_vfio_device *cxlv;
	int ret;

	cxlv = vfio_alloc_device(cxl_vfio_device, core.vdev, &pdev->dev, &cxl_vfio_ops);
	if (IS_ERR(cxlv))
		return PTR_ERR(cxlv);

	cxlv->core.pci_ops = &cxl_vfio_pci_ops;
	dev_set_drvdata(&pdev->dev, &cxlv->core);

	ret = cxl_vfio_discover(cxlv);
	if (ret) {
		/* It said why; the driver core adds a line of its own for other errors. */
		if (ret != -ENOMEM && ret != -EINTR && ret != -EPROBE_DEFER)
			ret = -ENXIO;
		goto err_put;
	}

	ret = cxl_vfio_system_sleep_refuse(cxlv);
	if (ret)
		goto err_mem;
	cxl_vfio_ras_init(&cxlv->hw);
	cxl_vfio_runtime_pm_init(cxlv);
	/* For slot_reset(). Without memory for it, nothing would restore the device. */
	pci_save_state(pdev);
	cxlv->hw.saved = pci_store_saved_state(pdev);
	if (!cxlv->hw.saved) {
		ret = -ENOMEM;
		goto err_power;
	}
	ret = cxl_vfio_cache_allow(&cxlv->hw, cxlv->settings.host_cache == CXL_VFIO_CACHE_ALLOW);
	if (!ret)
		ret = cxl_vfio_present(cxlv, cxlv->settings.presentation);
	if (ret) {
		ret = ret == -EINTR ? ret : -ENXIO;
		goto err_cache;
	}
	ret = vfio_pci_core_register_device(&cxlv->core);
	if (ret) {
		pci_err(pdev, "cannot register with VFIO: %pe\n", ERR_PTR(ret));
		goto err_cache;
	}

	pci_info(pdev, "CXL memory %pra, decoder %u%s%s, component registers in BAR %u at %pa\n",
		 &cxlv->mem.hpa, cxlv->hw.decoder,
		 cxlv->hw.platform.decoder[cxlv->hw.decoder].ctrl & CXLR_HDM_CTRL_LOCK ?
		 " (locked)" : "",
		 cxlv->commitment ? " (committed by the driver)" : "",
		 cxlv->hw.comp.bar, &cxlv->hw.comp.cm);
	trace_cxl_vfio_bind(&pdev->dev, &cxlv->mem.hpa, cxlv->hw.decoder);
	cxl_vfio_debugfs_add(cxlv);
	cxl_vfio_power_put(cxlv);
	return 0;

err_cache:
	cxlv->hw.cache_denied = false;
	cxl_vfio_dvsec_restore(&cxlv->hw);
err_power:
	kfree(cxlv->hw.saved);
	cxl_vfio_runtime_pm_exit(cxlv);
	cxl_vfio_ras_exit(&cxlv->hw);
	cxl_vfio_system_sleep_allow(cxlv);
err_mem:
	cxl_vfio_tenancy_exit(cxlv);
err_put:
	vfio_put_device(&cxlv->core.vdev);
	trace_cxl_vfio_refuse(&pdev->dev, "bind", ret);
	return ret;
}

static void cxl_vfio_remove(struct pci_dev *pdev)
{
	struct cxl_vfio_device *cxlv = pdev_to_cxl_vfio(pdev);
	bool link_reset_follows;

	/* The PCI core has woken it, and does not know that this was let go of. */
	cxl_vfio_power_hold(cxlv);
	/* Who has it open is to know before he is waited for. */
	if (pci_dev_is_disconnected(pdev))
		cxl_vfio_removed(cxlv);
	cxl_vfio_tenancy_unbind(cxlv);
	/* Waits for the last user; the CXL core's objects go after that, by devres. */
	vfio_pci_core_unregister_device(&cxlv->core);
	cxl_vfio_debugfs_remove(cxlv);
	link_reset_follows = cxl_vfio_recovery_end_at_unbind(cxlv);
	cxl_vfio_reset_restore_at_unbind(cxlv);
	cxl_vfio_runtime_pm_exit(cxlv);
	cxl_vfio_ras_exit(&cxlv->hw);
	/* With error masks that are the platform's again. */
	if (link_reset_follows && cxl_vfio_keep(cxlv))
		pci_warn(pdev, "no memory to note what the reset of its link takes: reboot before it is bound again\n");
	cxl_vfio_system_sleep_allow(cxlv);
	cxl_vfio_tenancy_exit(cxlv);
	/*
	 * Devres takes the addresses away; or they were gone with the device, and lines of
	 * its memory would be found in, or written to, that of the next one there.
	 */
	if (cxlv->commitment || cxl_vfio_is_gone(&cxlv->hw))
		cxl_vfio_mem_flush_cpu_caches(&cxlv->mem);
	kfree(cxlv->hw.saved);
	vfio_put_device(&cxlv->core.vdev);
}

/*
 * Any device, but by driver_override only. A MODULE_DEVICE_TABLE() would make this module as good a
 * match for every PCI device as vfio-pci itself, where VFIO drivers are picked by modules.alias.
 */
static const struct pci_device_id cxl_vfio_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{ }
};

__ATTRIBUTE_GROUPS(cxl_vfio);
__ATTRIBUTE_GROUPS(cxl_vfio_driver);

static struct pci_driver cxl_vfio_pci_driver = {
	.name = "cxl-vfio-pci",
	.id_table = cxl_vfio_table,
	.probe = cxl_vfio_probe,
	.remove = cxl_vfio_remove,
	.err_handler = &cxl_vfio_err_handlers,
	.groups = cxl_vfio_driver_groups,
	.dev_groups = cxl_vfio_groups,
	.driver_managed_dma = true,
};

static int __init cxl_vfio_module_init(void)
{
	int ret;

	cxl_vfio_debugfs_init();
	cxl_vfio_runtime_pm_setup();
	cxl_vfio_poison_setup();
	cxl_vfio_keep_setup();
	ret = pci_register_driver(&cxl_vfio_pci_driver);
	if (ret) {
		cxl_vfio_keep_exit();
		cxl_vfio_poison_exit();
		cxl_vfio_debugfs_exit();
	}
	return ret;
}
module_init(cxl_vfio_module_init);

static void __exit cxl_vfio_module_exit(void)
{
	pci_unregister_driver(&cxl_vfio_pci_driver);
	cxl_vfio_folio_exit();
	cxl_vfio_poison_exit();
	cxl_vfio_commit_exit();
	cxl_vfio_keep_exit();
	cxl_vfio_debugfs_exit();
	/*
	 * A fault that has released its lock (finish_insert()) pins nothing, and may have been
	 * preempted in the last instructions of its handler. It does not sleep there.
	 */
	synchronize_rcu_tasks();
}
module_exit(cxl_vfio_module_exit);

MODULE_IMPORT_NS("CXL");
MODULE_IMPORT_NS("DEVMEM");
MODULE_IMPORT_NS("IOMMUFD");
MODULE_SOFTDEP("pre: cxl_acpi cxl_port cxl_mem");
MODULE_DESCRIPTION("VFIO for CXL accelerators: device memory and component registers");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
