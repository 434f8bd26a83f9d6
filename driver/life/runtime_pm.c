// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is not in use sleeps, in D3hot, by runtime PM. References keep it awake: those of
 * bind and unbind, of an open, of the clearing of its memory, of a reset, of a look at it. All are
 * the driver's own. Those that the VFIO core would take (disable_idle_d3) end before what its
 * reset at close took is put back.
 */
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>

#include "life/life.h"

/* Until it sleeps, unless the administrator says otherwise: the next open often comes soon. */
#define DELAY_MS	5000

/*
 * May it sleep, as it is? docs/lifecycle.md (Power) has the reasons against it. There is no
 * reference, and code that changes any of this takes one.
 */
static bool may_sleep(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_backing *backing = cxlv->mem.backing;

	if (!backing || backing->pages || READ_ONCE(cxlv->hw.reasons) || cxlv->core.needs_reset)
		return false;
	if (!cxl_vfio_content_precious(&cxlv->mem))
		return true;
	return !cxlv->core.needs_pm_restore &&
	       !(cxlv->clear.quiet && cxl_vfio_clear_needed(cxlv) &&
		 !cxl_vfio_clear_at_open(cxlv));
}

/*
 * A processor that fetches ahead, or writes back what is in its cache, would meet a device that
 * does not answer, which may be a machine check. So the kernel's mapping goes, and then what
 * caches have of the memory. Where they cannot be flushed, there must be nothing to write back:
 * clearing leaves nothing (cxl_vfio_backing_clear()). Last goes what the device caches of the
 * host's memory (9.6).
 */
static int fall_asleep(struct cxl_vfio_device *cxlv)
{
	/* What one that does not answer has is no configuration to come back to. */
	if (!may_sleep(cxlv) || !cxl_vfio_is_present(&cxlv->hw))
		return -EBUSY;
	if (cxl_vfio_leave(cxlv, CXL_VFIO_WHY_SUSPENDED) && cxl_vfio_content_precious(&cxlv->mem)) {
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_SUSPENDED);
		return -EBUSY;
	}
	cxl_vfio_dvsec_write_back(&cxlv->hw);
	return 0;
}

/*
 * False in a reset that has resumed the device: that has configuration access and waits for
 * this, and its end restores. The BARs may be out of reach until then.
 */
static bool lock_registers(struct cxl_vfio_device *cxlv)
{
	while (!pci_cfg_access_trylock(cxlv->core.pdev)) {
		if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_RESET))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/*
 * What D3hot took is put back before the memory can be touched, or the memory is out of use.
 * Content that may be lost is cleared by the next open. Resuming itself does not fail: with the
 * device in D0, a reset can still mend it.
 */
static void end_suspend(struct cxl_vfio_device *cxlv)
{
	/* Pulled out in its sleep, and woken by its unbind. */
	if (cxl_vfio_is_gone(&cxlv->hw))
		return;
	cxl_vfio_dvsec_write_control2(&cxlv->hw, 0);
	if (lock_registers(cxlv)) {
		if (cxlv->core.needs_pm_restore || cxl_vfio_platform_decoder_lost(&cxlv->hw))
			cxl_vfio_content_lost(&cxlv->mem);
		cxl_vfio_back(cxlv, CXL_VFIO_WHY_SUSPENDED);
		pci_cfg_access_unlock(cxlv->core.pdev);
	} else {
		cxl_vfio_content_lost(&cxlv->mem);
		cxl_vfio_mem_allow(&cxlv->mem, CXL_VFIO_WHY_SUSPENDED);
	}
}

static int runtime_suspend(struct device *dev)
{
	struct cxl_vfio_device *cxlv = dev_to_cxl_vfio(dev);
	int ret = fall_asleep(cxlv);

	if (ret)
		return ret;
	ret = pci_bus_type.pm->runtime_suspend(dev);
	if (ret)
		end_suspend(cxlv);
	else
		cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_SLEEPS);
	return ret;
}

static int runtime_resume(struct device *dev)
{
	int ret = pci_bus_type.pm->runtime_resume(dev);

	end_suspend(dev_to_cxl_vfio(dev));
	return ret;
}

/*
 * Around the PCI bus's operations, which call the VFIO core's. The driver's own (driver.pm) the
 * core sets anew whenever a device is registered, and another may sleep at that moment.
 */
static struct dev_pm_domain domain;

/* Once, before any device is bound. */
void cxl_vfio_runtime_pm_setup(void)
{
	if (!pci_bus_type.pm)
		return;
	domain.ops = *pci_bus_type.pm;
	domain.ops.runtime_suspend = runtime_suspend;
	domain.ops.runtime_resume = runtime_resume;
}

/*
 * Hear of sleep from now on. The device is being bound, so it has a reference. D3cold, which loses
 * the platform's RAS and AER settings and the memory's content, is not entered. So the port above
 * stays in D0 as well (pci_bridge_d3_update()).
 */
void cxl_vfio_runtime_pm_init(struct cxl_vfio_device *cxlv)
{
	struct device *dev = &cxlv->core.pdev->dev;

	cxlv->d3cold = !cxlv->core.pdev->no_d3cold;
	pci_d3cold_disable(cxlv->core.pdev);
	pm_runtime_set_autosuspend_delay(dev, DELAY_MS);
	pm_runtime_use_autosuspend(dev);
	/* Another's, which there is none of for PCI: it never sleeps. */
	if (dev->pm_domain)
		cxl_vfio_power_hold(cxlv);
	else
		dev_pm_domain_set(dev, &domain);
}

/* Undo cxl_vfio_runtime_pm_init(), with bind's reference, which is there, or again. */
void cxl_vfio_runtime_pm_exit(struct cxl_vfio_device *cxlv)
{
	struct device *dev = &cxlv->core.pdev->dev;

	if (dev->pm_domain == &domain)
		dev_pm_domain_set(dev, NULL);
	else
		pm_runtime_put_noidle(dev);
	pm_runtime_dont_use_autosuspend(dev);
	if (cxlv->d3cold)
		pci_d3cold_enable(cxlv->core.pdev);
}
