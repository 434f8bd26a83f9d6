// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the accelerator's memory is in the host's physical address space.
 *
 * While a host's access to an address would reach the memory, the memory is
 * mapped there: as RAM, over the I/O region by which QEMU plays a CXL window.
 * An access gets here through the window (CFMWS), the decoders of the host
 * bridge and of a switch, the ports that these name, and the device's own
 * decoder, so all of them are looked at again whenever one changes.
 */
#include "cxl_accel.h"
#include "route.h"

/* The DVSEC range decodes when the HDM decoders are not enabled. */
#define WINDOW_DVSEC	ACCEL_DECODERS_MAX

bool accel_in_d0(CxlAccel *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	return !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
		 PCI_PM_CTRL_STATE_MASK);
}

/* 8.2.4.20.2: the DVSEC ranges decode as long as the HDM decoders do not. */
static struct accel_window wanted_window(CxlAccel *s, unsigned int n)
{
	bool hdm_enabled = cxlr_hdm_enabled(&s->hdm);
	struct accel_window w = { 0 };

	if (s->gone || !accel_mem_enabled(s) || !s->mem_active || s->resetting || !accel_in_d0(s))
		return w;
	if (hdm_enabled && n < s->decoders)
		w = accel_decoder_window(s, n);
	if (!hdm_enabled && n == WINDOW_DVSEC) {
		w.hpa = accel_range_base(s);
		w.size = accel_range_size(s);
	}
	if (!w.size || !route_reaches(PCI_DEVICE(s), w.hpa, w.size))
		return (struct accel_window) { 0 };
	return w;
}

static void unmap(CxlAccel *s, unsigned int n)
{
	if (s->window[n].size)
		memory_region_del_subregion(get_system_memory(), &s->alias[n]);
	s->window[n] = (struct accel_window) { 0 };
}

static void map(CxlAccel *s, unsigned int n, const struct accel_window *w)
{
	memory_region_set_size(&s->alias[n], w->size);
	memory_region_set_alias_offset(&s->alias[n], w->dpa);
	memory_region_add_subregion_overlap(get_system_memory(), w->hpa, &s->alias[n],
					    ROUTE_PRIORITY);
	s->window[n] = *w;
}

void accel_map_update(CxlAccel *s)
{
	unsigned int n;

	memory_region_transaction_begin();
	for (n = 0; n < ARRAY_SIZE(s->window); n++) {
		struct accel_window w = wanted_window(s, n);

		if (!memcmp(&w, &s->window[n], sizeof(w)))
			continue;
		unmap(s, n);
		if (w.size)
			map(s, n, &w);
	}
	memory_region_transaction_commit();
}

static void route_changed(Notifier *notifier, void *data)
{
	accel_map_update(container_of(notifier, CxlAccel, route_changed));
}

bool accel_map_init(CxlAccel *s, Error **errp)
{
	unsigned int n;

	if (!route_check(PCI_DEVICE(s), true, errp))
		return false;

	for (n = 0; n < ARRAY_SIZE(s->alias); n++) {
		g_autofree char *name = g_strdup_printf("cxl-accel-window%u", n);

		memory_region_init_alias(&s->alias[n], OBJECT(s), name, s->mem, 0, s->mem_size);
	}
	s->route_changed.notify = route_changed;
	route_watch(PCI_DEVICE(s), &s->route_changed);
	return true;
}

void accel_map_exit(CxlAccel *s)
{
	unsigned int n;

	notifier_remove(&s->route_changed);
	for (n = 0; n < ARRAY_SIZE(s->window); n++)
		unmap(s, n);
}
