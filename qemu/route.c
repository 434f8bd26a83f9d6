// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way through the CXL windows, host bridges and switches that QEMU plays.
 */
#include "route.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/cxl/cxl_host.h"
#include "hw/pci-bridge/cxl_upstream_port.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie_port.h"
#include "../registers/cxl_regs.h"

#define MAX_WAYS	3	/* 8 ways, as Interleave Ways has it (8.2.4.20.7) */

/*
 * QEMU tells nobody when a decoder of a host bridge or of a switch changes. So
 * the CM block gets a region laid over it, which passes every access on to what
 * was there before, and then tells. It also refuses what QEMU does not survive.
 * One for each component, never removed: a switch that is unplugged is kept.
 *
 * A reset changes a switch's decoders without a write. But it resets all that is
 * below the switch as well, devices first, so nothing is mapped then by which the
 * switch had a part (resettable_phase_hold()).
 */
struct watch {
	CXLComponentState *component;
	MemoryRegion region, *below;
	QLIST_ENTRY(watch) node;
};

static QLIST_HEAD(, watch) watches = QLIST_HEAD_INITIALIZER(watches);

/* Told of every write to a component that is watched. */
static NotifierList changed = NOTIFIER_LIST_INITIALIZER(changed);

static MemTxResult watch_read(void *opaque, hwaddr addr, uint64_t *data, unsigned int size,
			      MemTxAttrs attrs)
{
	struct watch *watch = opaque;

	return memory_region_dispatch_read(watch->below, addr, data, size_memop(size) | MO_LE,
					   attrs);
}

/* Is the byte at @addr of the CM block the first of a decoder's Control? */
static bool is_decoder_control(struct watch *watch, hwaddr addr)
{
	uint32_t *cm = watch->component->crb.cache_mem_registers;
	uint32_t cap = cm[(CXL_HDM_REGISTERS_OFFSET + CXLR_HDM_CAP) / 4];
	unsigned int i;

	for (i = 0; i < cxlr_hdm_decoder_count(cap); i++)
		if (addr == CXL_HDM_REGISTERS_OFFSET + CXLR_HDM_CTRL(i))
			return true;
	return false;
}

/*
 * To 1, 2, 4 or 8 ways QEMU commits as it should, and for other values as well:
 * then it takes the field for a power of two, and ends with an assertion at the
 * first access that goes to a target past the eighth.
 */
static bool commits_beyond_targets(uint32_t ctrl)
{
	return ctrl & CXLR_HDM_CTRL_COMMIT &&
	       FIELD_EX32(ctrl, CXL_HDM_DECODER0_CTRL, IW) > MAX_WAYS;
}

static MemTxResult watch_write(void *opaque, hwaddr addr, uint64_t data, unsigned int size,
			       MemTxAttrs attrs)
{
	struct watch *watch = opaque;
	bool refused = size == 4 && commits_beyond_targets(data) &&
		       is_decoder_control(watch, addr);
	MemTxResult result;

	if (refused)
		data &= ~CXLR_HDM_CTRL_COMMIT;
	result = memory_region_dispatch_write(watch->below, addr, data, size_memop(size) | MO_LE,
					      attrs);
	if (refused)
		watch->component->crb.cache_mem_registers[addr / 4] |= CXLR_HDM_CTRL_ERROR;
	notifier_list_notify(&changed, NULL);
	return result;
}

static const MemoryRegionOps watch_ops = {
	.read_with_attrs = watch_read,
	.write_with_attrs = watch_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* What has the CM block now: the component's own region, or another plugin's watch. */
static MemoryRegion *cm_region(CXLComponentState *component)
{
	MemoryRegion *mr;

	QTAILQ_FOREACH(mr, &component->crb.component_registers.subregions, subregions_link)
		if (mr->addr == CXLR_CM_OFFSET)
			return mr;
	return &component->crb.cache_mem;
}

static void watch_component(CXLComponentState *component)
{
	struct watch *watch;

	QLIST_FOREACH(watch, &watches, node)
		if (watch->component == component)
			return;

	watch = g_new0(struct watch, 1);
	watch->component = component;
	watch->below = cm_region(component);
	/* Without an owner: QEMU would take passing on for recursion into it. */
	memory_region_init_io(&watch->region, NULL, &watch_ops, watch, "cxl-component-watch",
			      CXLR_CM_SIZE);
	memory_region_add_subregion_overlap(&component->crb.component_registers, CXLR_CM_OFFSET,
					    &watch->region, watch->below->priority + 1);
	QLIST_INSERT_HEAD(&watches, watch, node);
	/* Host bridges have no such device, and stay in any case. */
	if (component->pdev)
		object_ref(OBJECT(component->pdev));
}

static PCIDevice *parent(PCIDevice *pdev)
{
	return pci_get_bus(pdev)->parent_dev;
}

/* The upstream port of the switch that @pdev is directly below, or NULL. */
static PCIDevice *upstream_port(PCIDevice *pdev)
{
	PCIDevice *port = parent(pdev);

	if (!port || !object_dynamic_cast(OBJECT(port), TYPE_CXL_DSP))
		return NULL;
	port = parent(port);
	return port && object_dynamic_cast(OBJECT(port), TYPE_CXL_USP) ? port : NULL;
}

static CXLComponentState *switch_component(PCIDevice *usp)
{
	return &CXL_USP(usp)->cxl_cstate;
}

void route_watch(PCIDevice *pdev, Notifier *notifier)
{
	PCIDevice *usp = upstream_port(pdev);

	watch_component(cxl_get_hb_cstate(route_host_bridge(pdev)));
	if (usp)
		watch_component(switch_component(usp));
	notifier_list_add(&changed, notifier);
}

static bool is_root_port(PCIDevice *port)
{
	return port && pci_bus_is_cxl(pci_get_bus(port)) && pci_bus_is_root(pci_get_bus(port)) &&
	       object_dynamic_cast(OBJECT(port), TYPE_PCIE_PORT);
}

bool route_check(PCIDevice *pdev, bool switches, Error **errp)
{
	const char *type = object_get_typename(OBJECT(pdev));
	PCIDevice *usp = upstream_port(pdev);

	if ((switches || !usp) && is_root_port(route_root_port(pdev)))
		return true;
	if (switches && usp && upstream_port(usp))
		error_setg(errp, "%s is below more than one CXL switch", type);
	else if (switches)
		error_setg(errp, "%s must be below a CXL root port, or a CXL switch below one",
			   type);
	else
		error_setg(errp, "%s must be directly below a CXL root port", type);
	error_append_hint(errp, "Put it on the bus of a cxl-rp device that is itself on the bus "
			  "of a pxb-cxl device%s.\n", switches ?
			  ", or of a cxl-downstream on the bus of a cxl-upstream on that of such "
			  "a cxl-rp" : "");
	return false;
}

PCIDevice *route_root_port(PCIDevice *pdev)
{
	PCIDevice *usp = upstream_port(pdev);

	return parent(usp ?: pdev);
}

PCIHostState *route_host_bridge(PCIDevice *pdev)
{
	return PCI_HOST_BRIDGE(BUS(pci_get_bus(route_root_port(pdev)))->parent);
}

/* The windows have no list outside the machine type: find their regions. */
CXLFixedWindow *route_next_window(CXLFixedWindow *window)
{
	MemoryRegion *mr = window ? QTAILQ_NEXT(&window->mr, subregions_link) :
				    QTAILQ_FIRST(&get_system_memory()->subregions);

	while (mr && mr->ops != &cfmws_ops)
		mr = QTAILQ_NEXT(mr, subregions_link);
	return mr ? mr->opaque : NULL;
}

/* Target @i of the window, or NULL; until the machine is complete QEMU has its name only. */
static PXBCXLDev *window_target(CXLFixedWindow *window, unsigned int i)
{
	Object *pxb;

	if (window->target_hbs[i])
		return window->target_hbs[i];
	pxb = object_resolve_path_type(window->targets[i], TYPE_PXB_CXL_DEV, NULL);
	return pxb ? PXB_CXL_DEV(pxb) : NULL;
}

bool route_window_targets(CXLFixedWindow *window, PCIHostState *bridge)
{
	unsigned int i;

	for (i = 0; i < window->num_targets; i++)
		if ((PCIDevice *)window_target(window, i) == bridge->bus->parent_dev)
			return true;
	return false;
}

void route_guard_bridges(void)
{
	CXLFixedWindow *window;
	unsigned int i;

	for (window = route_next_window(NULL); window; window = route_next_window(window))
		for (i = 0; i < window->num_targets; i++) {
			PXBCXLDev *pxb = window_target(window, i);

			if (pxb)
				watch_component(cxl_get_hb_cstate(
					PCI_HOST_BRIDGE(pxb->cxl_host_bridge)));
		}
}

static bool contains(uint64_t outer, uint64_t outer_size, uint64_t inner, uint64_t inner_size)
{
	return inner >= outer && inner_size <= outer_size &&
	       inner - outer <= outer_size - inner_size;
}

static bool window_reaches(PCIHostState *bridge, uint64_t base, uint64_t size)
{
	CXLFixedWindow *window;

	for (window = route_next_window(NULL); window; window = route_next_window(window))
		if (contains(window->base, window->size, base, size))
			return window->num_targets == 1 && route_window_targets(window, bridge);
	return false;
}

static uint32_t hdm_read(CXLComponentState *component, uint32_t offset)
{
	return component->crb.cache_mem_registers[(CXL_HDM_REGISTERS_OFFSET + offset) / 4];
}

uint32_t route_bridge_read(PCIHostState *bridge, uint32_t offset)
{
	return hdm_read(cxl_get_hb_cstate(bridge), offset);
}

void route_bridge_write(PCIHostState *bridge, uint32_t offset, uint32_t val)
{
	memory_region_dispatch_write(&cxl_get_hb_cstate(bridge)->crb.cache_mem,
				     CXL_HDM_REGISTERS_OFFSET + offset, val, MO_32 | MO_LE,
				     MEMTXATTRS_UNSPECIFIED);
}

static uint64_t hdm_read64(CXLComponentState *component, uint32_t low, uint32_t high)
{
	return (uint64_t)hdm_read(component, high) << 32 |
	       (hdm_read(component, low) & CXLR_HDM_LOW_MASK);
}

/*
 * Has a host bridge or an upstream port a committed decoder that leads to @port, by
 * the port number that Link Capabilities has of that (8.2.4.20.8), and nowhere else?
 */
static bool decoders_reach(CXLComponentState *component, PCIDevice *port, uint64_t base,
			   uint64_t size)
{
	unsigned int i, count = cxlr_hdm_decoder_count(hdm_read(component, CXLR_HDM_CAP));

	for (i = 0; i < count; i++) {
		uint32_t ctrl = hdm_read(component, CXLR_HDM_CTRL(i));

		if (!(ctrl & CXLR_HDM_CTRL_COMMITTED) ||
		    !contains(hdm_read64(component, CXLR_HDM_BASE_LOW(i), CXLR_HDM_BASE_HIGH(i)),
			      hdm_read64(component, CXLR_HDM_SIZE_LOW(i), CXLR_HDM_SIZE_HIGH(i)),
			      base, size))
			continue;
		return !(ctrl & CXLR_HDM_CTRL_IW) &&
		       (hdm_read(component, CXLR_HDM_TARGET_LOW(i)) & 0xff) ==
		       PCIE_PORT(port)->port;
	}
	return false;
}

static bool bridge_reaches(PCIDevice *pdev, uint64_t base, uint64_t size)
{
	PCIHostState *bridge = route_host_bridge(pdev);
	PCIDevice *port = route_root_port(pdev);

	if (cxl_get_hb_passthrough(bridge))
		return pcie_find_port_first(bridge->bus) == port;
	return decoders_reach(cxl_get_hb_cstate(bridge), port, base, size);
}

static bool switch_reaches(PCIDevice *pdev, uint64_t base, uint64_t size)
{
	PCIDevice *usp = upstream_port(pdev);

	return !usp || decoders_reach(switch_component(usp), parent(pdev), base, size);
}

bool route_reaches(PCIDevice *pdev, uint64_t base, uint64_t size)
{
	return window_reaches(route_host_bridge(pdev), base, size) &&
	       bridge_reaches(pdev, base, size) && switch_reaches(pdev, base, size);
}
