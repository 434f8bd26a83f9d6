// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxl-accel: a CXL accelerator with memory (Type 2) for machines that have
 * none, as a plugin for a QEMU that was built without it:
 *
 *   qemu-system-x86_64 -plugin cxl-accel.so ... -device cxl-accel,...
 *
 * docs/accelerator.md describes it.
 */
#include "cxl_accel.h"
#include "plugin.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "hw/qdev-properties.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci-bridge/cxl_upstream_port.h"
#include "migration/vmstate.h"

#define CLASS_PROCESSING_ACCELERATOR	0x1200
#define MEM_GRANULE			(256 * MiB)
#define BAR_FLAGS	(PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64)

static uint64_t reserved_read(void *opaque, hwaddr addr, unsigned int size)
{
	return 0;
}

static void ignored_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
}

/* What of the BAR no page claims. */
static const MemoryRegionOps reserved_ops = {
	.read = reserved_read,
	.write = ignored_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
};

static uint64_t id_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;

	switch (addr) {
	case CXL_ACCEL_ID_MAGIC:
		return CXL_ACCEL_MAGIC;
	case CXL_ACCEL_ID_VERSION:
		return CXL_ACCEL_VERSION;
	case CXL_ACCEL_ID_MEM_SIZE_LOW:
		return (uint32_t)s->mem_size;
	case CXL_ACCEL_ID_MEM_SIZE_HIGH:
		return s->mem_size >> 32;
	case CXL_ACCEL_ID_OPS:
		return (1u << CXL_ACCEL_OP_COUNT) - 1;
	case CXL_ACCEL_ID_VECTORS:
		return CXL_ACCEL_VECTORS;
	case CXL_ACCEL_ID_STATE:
		return s->mem_active ? CXL_ACCEL_STATE_MEM_ACTIVE : 0;
	default:
		return 0;
	}
}

static const MemoryRegionOps id_ops = {
	.read = id_read,
	.write = ignored_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 4 },
	.impl = { .min_access_size = 4, .max_access_size = 4 },
};

static uint64_t scratch_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;

	return ldn_le_p(s->scratch + addr, size);
}

static void scratch_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	CxlAccel *s = opaque;

	stn_le_p(s->scratch + addr, size, val);
}

static const MemoryRegionOps scratch_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* BAR Virtualization ACL (8.2.6): a count, then offset and size of each entry. */
static uint64_t acl_read(void *opaque, hwaddr addr, unsigned int size)
{
	const uint64_t registers[] = {
		2,
		CXL_ACCEL_ACL_SAFE_0 | CXL_ACCEL_BAR, CXL_ACCEL_ACL_SAFE_0_SIZE,
		CXL_ACCEL_ACL_SAFE_1 | CXL_ACCEL_BAR, CXL_ACCEL_ACL_SAFE_1_SIZE,
	};

	return addr < sizeof(registers) ? registers[addr / 8] >> addr % 8 * 8 : 0;
}

static const MemoryRegionOps acl_ops = {
	.read = acl_read,
	.write = ignored_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void bar_init(CxlAccel *s)
{
	memory_region_init_io(&s->bar, OBJECT(s), &reserved_ops, s, "cxl-accel-bar",
			      CXL_ACCEL_BAR_SIZE);
	memory_region_init_io(&s->id_page, OBJECT(s), &id_ops, s, "cxl-accel-id",
			      CXL_ACCEL_PAGE_SIZE);
	memory_region_init_io(&s->scratch_page, OBJECT(s), &scratch_ops, s, "cxl-accel-scratch",
			      CXL_ACCEL_SCRATCH_SIZE);
	memory_region_add_subregion(&s->bar, CXL_ACCEL_ID_OFFSET, &s->id_page);
	memory_region_add_subregion(&s->bar, CXL_ACCEL_SCRATCH_OFFSET, &s->scratch_page);
	if (s->place->bar != CXL_ACCEL_BAR)
		memory_region_init_io(&s->component_bar, OBJECT(s), &reserved_ops, s,
				      "cxl-accel-component-bar", s->place->bar_size);
	memory_region_init_io(&s->acl_page, OBJECT(s), &acl_ops, s, "cxl-accel-acl",
			      CXL_ACCEL_PAGE_SIZE);
	if (s->acl)
		memory_region_add_subregion(&s->bar, CXL_ACCEL_ACL_OFFSET, &s->acl_page);
	accel_component_init(s);
	accel_engine_init(s);
	accel_cache_init(s);
	pci_register_bar(PCI_DEVICE(s), CXL_ACCEL_BAR, BAR_FLAGS, &s->bar);
	/* Only a prefetchable BAR gets an address above 4 GiB behind a bridge. */
	if (s->place->bar != CXL_ACCEL_BAR)
		pci_register_bar(PCI_DEVICE(s), s->place->bar, BAR_FLAGS |
				 (s->place->bar_size < 4 * GiB ? 0 :
				  PCI_BASE_ADDRESS_MEM_PREFETCH), &s->component_bar);
}

static void bar_exit(CxlAccel *s)
{
	accel_component_exit(s);
	if (s->acl)
		memory_region_del_subregion(&s->bar, &s->acl_page);
	memory_region_del_subregion(&s->bar, &s->id_page);
	memory_region_del_subregion(&s->bar, &s->scratch_page);
	memory_region_del_subregion(&s->bar, &s->engine_page);
	memory_region_del_subregion(&s->bar, &s->cache_page);
}

static bool check_properties(CxlAccel *s, Error **errp)
{
	if (!s->memdev) {
		error_setg(errp, "cxl-accel needs memory: property 'memdev' is not set");
		error_append_hint(errp, "Add -object memory-backend-ram,id=hdm0,size=1G and give "
				  "the device memdev=hdm0.\n");
		return false;
	}
	if (host_memory_backend_is_mapped(s->memdev)) {
		error_setg(errp, "memory backend '%s' is in use by another device",
			   object_get_canonical_path_component(OBJECT(s->memdev)));
		error_append_hint(errp, "Give each device a memory backend of its own.\n");
		return false;
	}
	s->mem = host_memory_backend_get_memory(s->memdev);
	s->mem_size = memory_region_size(s->mem);
	if (!s->mem_size || s->mem_size % MEM_GRANULE) {
		error_setg(errp, "the size of memory backend '%s' is not a multiple of 256M, "
			   "which is what HDM decoders count in",
			   object_get_canonical_path_component(OBJECT(s->memdev)));
		return false;
	}
	if (!s->decoders || s->decoders > ACCEL_DECODERS_MAX || !is_power_of_2(s->decoders)) {
		error_setg(errp, "property 'decoders' is %u; it can be 1, 2, 4 or 8", s->decoders);
		return false;
	}
	if (s->active_delay < -1 || s->reset_delay < -1) {
		error_setg(errp, "properties 'active-delay' and 'reset-delay' are milliseconds, "
			   "or -1 for never");
		return false;
	}
	return accel_component_find(s, errp);
}

static void accel_realize(PCIDevice *pdev, Error **errp)
{
	ERRP_GUARD();
	CxlAccel *s = CXL_ACCEL(pdev);

	if (!check_properties(s, errp) || !accel_map_init(s, errp))
		return;
	if (!accel_config_init(s, errp)) {
		accel_map_exit(s);
		return;
	}
	host_memory_backend_set_mapped(s->memdev, true);
	address_space_init(&s->mem_as, s->mem, "cxl-accel-memory");
	bar_init(s);
	accel_reset_init(s);
	accel_removal_init(s);
	accel_observe_init(s);
}

static void release(void *opaque)
{
	object_unref(OBJECT(opaque));
}

static void accel_exit(PCIDevice *pdev)
{
	CxlAccel *s = CXL_ACCEL(pdev);

	/* The engine may be what removed the device: let it return first. */
	object_ref(OBJECT(s));
	aio_bh_schedule_oneshot(qemu_get_aio_context(), release, s);

	accel_vanish(s);
	accel_map_exit(s);
	accel_removal_exit(s);
	bar_exit(s);
	accel_config_exit(s);
	address_space_destroy(&s->mem_as);
	host_memory_backend_set_mapped(s->memdev, false);
}

/*
 * A processor that has looked its access to a BAR up waits for QEMU's lock while
 * the device leaves, and then does it: what that reaches stays until now.
 */
static void accel_finalize(Object *obj)
{
	CxlAccel *s = CXL_ACCEL(obj);

	accel_reset_finalize(s);
	accel_engine_finalize(s);
	accel_component_finalize(s);
}

static bool is_in_flr(PCIDevice *pdev)
{
	return pci_get_word(pdev->config + pdev->exp.exp_cap + PCI_EXP_DEVCTL) &
	       PCI_EXP_DEVCTL_BCR_FLR;
}

/*
 * QEMU resets a device in one way only: tell by what asked for it. A bus reset goes
 * down through a switch, and an FLR of a port, which only QEMU's ports know, is one.
 */
static enum accel_reset reset_kind(PCIDevice *pdev)
{
	PCIBus *bus;

	if (CXL_ACCEL(pdev)->waking)
		return ACCEL_RESET_D3;
	if (is_in_flr(pdev))
		return ACCEL_RESET_FUNCTION;
	for (bus = pci_get_bus(pdev); !pci_bus_is_root(bus); bus = pci_get_bus(bus->parent_dev))
		if (is_in_flr(bus->parent_dev) ||
		    pci_get_word(bus->parent_dev->config + PCI_BRIDGE_CONTROL) &
		    PCI_BRIDGE_CTL_BUS_RESET)
			return ACCEL_RESET_BUS;
	return ACCEL_RESET_POWER;
}

static void accel_reset_hold(Object *obj, ResetType type)
{
	accel_reset(CXL_ACCEL(obj), reset_kind(PCI_DEVICE(obj)));
}

static const Property accel_properties[] = {
	DEFINE_PROP_LINK("memdev", CxlAccel, memdev, TYPE_MEMORY_BACKEND, HostMemoryBackend *),
	DEFINE_PROP_UINT32("decoders", CxlAccel, decoders, 1),
	DEFINE_PROP_BOOL("interleave", CxlAccel, interleave, false),
	DEFINE_PROP_BOOL("hdm-db", CxlAccel, hdm_db, false),
	DEFINE_PROP_INT32("active-delay", CxlAccel, active_delay, 0),
	DEFINE_PROP_INT32("reset-delay", CxlAccel, reset_delay, 10),
	DEFINE_PROP_BOOL("soft-reset", CxlAccel, soft_reset, false),
	DEFINE_PROP_BOOL("immediate-readiness", CxlAccel, immediate_readiness, false),
	DEFINE_PROP_BOOL("af", CxlAccel, af, false),
	DEFINE_PROP_UINT64("sn", CxlAccel, sn, 0),
	DEFINE_PROP_STRING("component", CxlAccel, component),
	DEFINE_PROP_BOOL("acl", CxlAccel, acl, false),
	DEFINE_PROP_BOOL("ats", CxlAccel, ats, false),
};

static const struct {
	const char *name, *text;
} property_help[] = {
	{ "memdev", "memory backend that is the accelerator's memory, a multiple of 256M" },
	{ "decoders", "number of HDM decoders: 1, 2, 4 or 8" },
	{ "interleave", "whether decoders commit that interleave" },
	{ "hdm-db", "whether the memory is coherent by Back-Invalidate" },
	{ "active-delay", "ms from a reset until the memory is active, -1: never" },
	{ "reset-delay", "ms that a CXL Reset takes, -1: for ever" },
	{ "soft-reset", "whether the function is reset on its way from D3hot to D0" },
	{ "immediate-readiness", "whether software need not wait after an FLR" },
	{ "af", "whether there is an Advanced Features capability" },
	{ "sn", "PCIe device serial number" },
	{ "acl", "whether the device declares what of BAR 0 is safe for a VM" },
	{ "ats", "whether there is an ATS capability" },
	{ "component", "where the component registers are: 'middle', 'end', 'start', 'alone', "
	  "'large'" },
};

static const VMStateDescription accel_vmstate = {
	.name = TYPE_CXL_ACCEL,
	.unmigratable = 1,
};

static void accel_class_init(ObjectClass *oc, CLASS_DATA data)
{
	DeviceClass *dc = DEVICE_CLASS(oc);
	PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);
	unsigned int i;

	pc->realize = accel_realize;
	pc->exit = accel_exit;
	pc->config_read = accel_config_read;
	pc->config_write = accel_config_write;
	pc->vendor_id = CXL_ACCEL_VENDOR_ID;
	pc->device_id = CXL_ACCEL_DEVICE_ID;
	pc->class_id = CLASS_PROCESSING_ACCELERATOR;
	pc->revision = 1;

	dc->desc = "CXL accelerator with memory (Type 2)";
	dc->vmsd = &accel_vmstate;
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
	device_class_set_props(dc, accel_properties);
	for (i = 0; i < ARRAY_SIZE(property_help); i++)
		object_class_property_set_description(oc, property_help[i].name,
						      property_help[i].text);
	RESETTABLE_CLASS(oc)->phases.hold = accel_reset_hold;
}

static const TypeInfo accel_info = {
	.name = TYPE_CXL_ACCEL,
	.parent = TYPE_PCI_DEVICE,
	.instance_size = sizeof(CxlAccel),
	.instance_finalize = accel_finalize,
	.class_init = accel_class_init,
	.interfaces = (InterfaceInfo[]) {
		{ INTERFACE_CXL_DEVICE },
		{ INTERFACE_PCIE_DEVICE },
		{ }
	},
};

static const struct known_type known_types[] = {
	KNOWN_TYPE(TYPE_PXB_CXL_DEV, PXBCXLDev),
	KNOWN_TYPE(TYPE_CXL_USP, CXLUpstreamPort),
};

DEVICE_TYPE(accel_info, known_types)
