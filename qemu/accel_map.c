// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the accelerator's memory is in the host's physical address space.
 *
 * While a host's access to an address would reach the memory, the memory is
 * mapped there: as RAM, over the I/O region by which QEMU plays a CXL window.
 * An access gets here through the window (CFMWS), the host bridge's decoder,
 * the root port, and the device's own decoder, so all of them are looked at
 * again whenever one changes.
 */
#include "cxl_accel.h"
#include "qapi/error.h"
#include "hw/cxl/cxl_host.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie_port.h"

/* The DVSEC range decodes when the HDM decoders are not enabled. */
#define WINDOW_DVSEC	ACCEL_DECODERS_MAX

/* Above what QEMU has there, which is of priority 0. */
#define MAP_PRIORITY	1

static QLIST_HEAD(, CxlAccel) accels = QLIST_HEAD_INITIALIZER(accels);

/*
 * QEMU tells nobody when a host bridge's decoder changes. So the bridge's CM
 * block gets a region laid over it, which passes every access on and then
 * has the mappings looked at again. One for each bridge, never removed, as
 * bridges are not either.
 */
struct bridge_watch {
	CXLComponentState *bridge;
	MemoryRegion region;
	QLIST_ENTRY(bridge_watch) node;
};

static QLIST_HEAD(, bridge_watch) watches = QLIST_HEAD_INITIALIZER(watches);

static MemTxResult watch_read(void *opaque, hwaddr addr, uint64_t *data, unsigned int size,
			      MemTxAttrs attrs)
{
	struct bridge_watch *watch = opaque;

	return memory_region_dispatch_read(&watch->bridge->crb.cache_mem, addr, data,
					   size_memop(size) | MO_LE, attrs);
}

static MemTxResult watch_write(void *opaque, hwaddr addr, uint64_t data, unsigned int size,
			       MemTxAttrs attrs)
{
	struct bridge_watch *watch = opaque;
	MemTxResult result;
	CxlAccel *s;

	result = memory_region_dispatch_write(&watch->bridge->crb.cache_mem, addr, data,
					      size_memop(size) | MO_LE, attrs);
	QLIST_FOREACH(s, &accels, node)
		accel_map_update(s);
	return result;
}

static const MemoryRegionOps watch_ops = {
	.read_with_attrs = watch_read,
	.write_with_attrs = watch_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void watch_bridge(CXLComponentState *bridge)
{
	struct bridge_watch *watch;

	QLIST_FOREACH(watch, &watches, node)
		if (watch->bridge == bridge)
			return;

	watch = g_new0(struct bridge_watch, 1);
	watch->bridge = bridge;
	/* Without an owner: QEMU would take passing on for recursion into it. */
	memory_region_init_io(&watch->region, NULL, &watch_ops, watch,
			      "cxl-accel-bridge-watch", CXLR_CM_SIZE);
	memory_region_add_subregion_overlap(&bridge->crb.component_registers, CXLR_CM_OFFSET,
					    &watch->region, MAP_PRIORITY);
	QLIST_INSERT_HEAD(&watches, watch, node);
}

static PCIDevice *root_port(CxlAccel *s)
{
	return pci_get_bus(PCI_DEVICE(s))->parent_dev;
}

static PCIHostState *host_bridge(CxlAccel *s)
{
	return PCI_HOST_BRIDGE(BUS(pci_get_bus(root_port(s)))->parent);
}

static bool contains(uint64_t start, uint64_t size, const struct accel_window *w)
{
	return w->hpa >= start && w->size <= size && w->hpa - start <= size - w->size;
}

/* The CXL windows have no list outside the machine type: find their regions. */
static bool cfmws_routes(CxlAccel *s, const struct accel_window *w)
{
	MemoryRegion *mr;

	QTAILQ_FOREACH(mr, &get_system_memory()->subregions, subregions_link) {
		CXLFixedWindow *cfmws = mr->opaque;

		if (mr->ops != &cfmws_ops || !contains(cfmws->base, cfmws->size, w))
			continue;
		return cfmws->num_targets == 1 && cfmws->target_hbs[0] &&
		       PCI_HOST_BRIDGE(cfmws->target_hbs[0]->cxl_host_bridge) == host_bridge(s);
	}
	return false;
}

static bool bridge_routes(CxlAccel *s, const struct accel_window *w)
{
	PCIHostState *bridge = host_bridge(s);
	uint32_t *hdm, ctrl;
	unsigned int i;

	if (cxl_get_hb_passthrough(bridge))
		return pcie_find_port_first(bridge->bus) == root_port(s);

	hdm = &cxl_get_hb_cstate(bridge)->crb.cache_mem_registers[CXL_HDM_REGISTERS_OFFSET / 4];
	for (i = 0; i < cxlr_hdm_decoder_count(hdm[CXLR_HDM_CAP / 4]); i++) {
		uint64_t base = hdm[CXLR_HDM_BASE_LOW(i) / 4] & CXLR_HDM_LOW_MASK;
		uint64_t size = hdm[CXLR_HDM_SIZE_LOW(i) / 4] & CXLR_HDM_LOW_MASK;

		base |= (uint64_t)hdm[CXLR_HDM_BASE_HIGH(i) / 4] << 32;
		size |= (uint64_t)hdm[CXLR_HDM_SIZE_HIGH(i) / 4] << 32;
		ctrl = hdm[CXLR_HDM_CTRL(i) / 4];
		if (!(ctrl & CXLR_HDM_CTRL_COMMITTED) || !contains(base, size, w))
			continue;
		return !(ctrl & CXLR_HDM_CTRL_IW) &&
		       (hdm[CXLR_HDM_TARGET_LOW(i) / 4] & 0xff) == PCIE_PORT(root_port(s))->port;
	}
	return false;
}

static bool in_d0(CxlAccel *s)
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

	if (!accel_mem_enabled(s) || !s->mem_active || s->resetting || !in_d0(s))
		return w;
	if (hdm_enabled && n < s->decoders)
		w = accel_decoder_window(s, n);
	if (!hdm_enabled && n == WINDOW_DVSEC) {
		w.hpa = accel_range_base(s);
		w.size = accel_range_size(s);
	}
	if (!w.size || !cfmws_routes(s, &w) || !bridge_routes(s, &w))
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
					    MAP_PRIORITY);
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

bool accel_map_init(CxlAccel *s, Error **errp)
{
	PCIDevice *port = root_port(s);
	unsigned int n;

	if (!port || !pci_bus_is_cxl(pci_get_bus(port)) || !pci_bus_is_root(pci_get_bus(port)) ||
	    !object_dynamic_cast(OBJECT(port), TYPE_PCIE_PORT)) {
		error_setg(errp, "cxl-accel must be directly below a CXL root port");
		error_append_hint(errp, "Put it on the bus of a cxl-rp device that is itself on "
				  "the bus of a pxb-cxl device.\n");
		return false;
	}

	for (n = 0; n < ARRAY_SIZE(s->alias); n++) {
		g_autofree char *name = g_strdup_printf("cxl-accel-window%u", n);

		memory_region_init_alias(&s->alias[n], OBJECT(s), name, s->mem, 0, s->mem_size);
	}
	watch_bridge(cxl_get_hb_cstate(host_bridge(s)));
	QLIST_INSERT_HEAD(&accels, s, node);
	return true;
}

void accel_map_exit(CxlAccel *s)
{
	unsigned int n;

	QLIST_REMOVE(s, node);
	for (n = 0; n < ARRAY_SIZE(s->window); n++)
		unmap(s, n);
}
