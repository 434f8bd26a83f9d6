// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfio-cxl: passes a CXL accelerator with its memory into a guest, as a
 * plugin for a QEMU that was built without it, or compiled in:
 *
 *   qemu-system-x86_64 -plugin vfio-cxl.so ... -device vfio-cxl,host=...
 *
 * It is QEMU's vfio-pci, and what cxl-vfio-pci on the host offers beyond it.
 * docs/vfio-cxl.md describes it.
 */
#include "vfio_cxl.h"
#include "plugin.h"
#include <sys/ioctl.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "hw/qdev-properties.h"
#include "hw/core/qdev-prop-internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci-bridge/cxl_upstream_port.h"
#include "hw/resettable.h"
#include "migration/blocker.h"
#include "system/kvm.h"
#include "system/reset.h"
#include "system/system.h"
#include "route.h"

static struct {
	void (*realize)(PCIDevice *pdev, Error **errp);
	void (*exit)(PCIDevice *pdev);
	ResettablePhases reset;
} parent;

/* Of a value that is written at @addr. */
static uint8_t byte_of(uint32_t val, uint32_t addr, uint32_t byte)
{
	return val >> (8 * (byte - addr));
}

static bool initiates_flr(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	uint32_t byte = pdev->exp.exp_cap + PCI_EXP_DEVCTL + 1;

	return pdev->exp.exp_cap && range_covers_byte(addr, len, byte) &&
	       byte_of(val, addr, byte) & (PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

static bool disables_memory(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	return range_covers_byte(addr, len, PCI_COMMAND) &&
	       !(byte_of(val, addr, PCI_COMMAND) & PCI_COMMAND_MEMORY);
}

static bool leaves_d0(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	uint32_t byte = pdev->pm_cap + PCI_PM_CTRL;

	return pdev->pm_cap && range_covers_byte(addr, len, byte) &&
	       byte_of(val, addr, byte) & PCI_PM_CTRL_STATE_MASK;
}

static bool initiates_cxl_reset(VfioCxl *s, uint32_t addr, uint32_t val, int len)
{
	uint32_t byte = s->regs.dvsec + CXLR_DVSEC_CTRL2;

	return range_covers_byte(addr, len, byte) &&
	       byte_of(val, addr, byte) & CXLR_CTRL2_INITIATE_RESET &&
	       vfio_cxl_dvsec_read(s, CXLR_DVSEC_CAP) & CXLR_CAP_RESET_CAPABLE;
}

/*
 * The host takes its mappings of memory and BARs away in the middle of these
 * writes and of resets, and KVM stops the VM when another processor of the
 * guest touches them. So the guest loses them first. vfio_cxl_update() gives
 * back what there is.
 */
static void take_away(VfioCxl *s)
{
	vfio_cxl_bars_show(s, false);
	vfio_cxl_mem_remove(s);
}

/*
 * A CXL Reset begins after the write that asks for it, and goes on: the driver's
 * state says so. Until it has ended the driver drops what is written, but for the
 * registers that it virtualises; were it written to QEMU's copy, that would have
 * BARs where the device has none.
 */
static void vfio_cxl_write_config(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	VfioCxl *s = VFIO_CXL(pdev);

	vfio_cxl_events_drain(s);
	if (s->events.state.flags & VFIO_CXL_STATE_RESETTING && !vfio_cxl_is_dvsec(s, addr))
		return;
	if (initiates_cxl_reset(s, addr, val, len) || initiates_flr(pdev, addr, val, len) ||
	    disables_memory(pdev, addr, val, len) || leaves_d0(pdev, addr, val, len))
		take_away(s);
	vfio_pci_write_config(pdev, addr, val, len);
	vfio_cxl_events_drain(s);
	vfio_cxl_update(s);
}

void vfio_cxl_update(VfioCxl *s)
{
	vfio_cxl_bars_show(s, !(s->events.state.flags & VFIO_CXL_STATE_ABSENT));
	vfio_cxl_mem_update(s);
}

/*
 * While a CXL Reset runs the driver refuses to disable interrupts, with which the parent's reset
 * begins. A reset by ioctl waits for its end. The parent's is made all the same, and finds what
 * stands against it.
 */
static void await_cxl_reset(VfioCxl *s)
{
	if (s->events.state.flags & (VFIO_CXL_STATE_RESETTING | VFIO_CXL_STATE_RESET_REQUESTED))
		ioctl(s->parent_obj.vbasedev.fd, VFIO_DEVICE_RESET);
}

static void vfio_cxl_reset_hold(Object *obj, ResetType type)
{
	VfioCxl *s = VFIO_CXL(obj);

	take_away(s);
	vfio_cxl_events_drain(s);
	await_cxl_reset(s);
	if (parent.reset.hold)
		parent.reset.hold(obj, type);
	vfio_cxl_events_drain(s);
}

/* After all devices were reset: host bridges too, if the machine was. */
static void vfio_cxl_reset_exit(Object *obj, ResetType type)
{
	VfioCxl *s = VFIO_CXL(obj);

	if (parent.reset.exit)
		parent.reset.exit(obj, type);
	if (s->machine_reset)
		vfio_cxl_firmware_commit(s);
	s->machine_reset = false;
	vfio_cxl_update(s);
}

/* Runs when the machine is reset, and not when a bus is. */
static void machine_reset(void *opaque)
{
	VfioCxl *s = opaque;

	s->machine_reset = true;
	route_guard_bridges();
}

static bool block_migration(VfioCxl *s, Error **errp)
{
	error_setg(&s->migration_blocker, "%s cannot be migrated: the device's memory and the "
		   "state of its decoders stay on this host", TYPE_VFIO_CXL);
	return !migrate_add_blocker(&s->migration_blocker, errp);
}

/* Name of the host's driver of the device, or NULL. */
static char *host_driver(VfioCxl *s)
{
	g_autofree char *link = g_strdup_printf("%s/driver", s->parent_obj.vbasedev.sysfsdev);
	g_autofree char *path = g_file_read_link(link, NULL);

	return path ? g_path_get_basename(path) : NULL;
}

/* For a device that the host's driver presents to VMMs that know nothing of CXL. */
static void append_presentation(VfioCxl *s, Error **errp)
{
	g_autofree char *path = g_strdup_printf("%s/presentation",
						s->parent_obj.vbasedev.sysfsdev);
	g_autofree char *presentation = NULL;

	if (g_file_get_contents(path, &presentation, NULL, NULL) && strstr(presentation, "[bar]"))
		error_append_hint(errp, "Its memory is presented as a BAR: write 'cxl' to %s, or "
				  "pass it by -device vfio-pci.\n", path);
}

/* Most who get an error have a device that is not bound to the right driver. */
static void append_binding(VfioCxl *s, Error **errp)
{
	g_autofree char *driver = NULL;

	if (!s->parent_obj.vbasedev.sysfsdev ||
	    !g_file_test(s->parent_obj.vbasedev.sysfsdev, G_FILE_TEST_EXISTS))
		return;
	driver = host_driver(s);
	if (driver && !strcmp(driver, "cxl-vfio-pci")) {
		append_presentation(s, errp);
		return;
	}
	error_append_hint(errp, "The host has %s%s bound to the device. Bind it to cxl-vfio-pci: "
			  "load that driver, write 'cxl-vfio-pci' to %s/driver_override,%s "
			  "and the device's address to /sys/bus/pci/drivers/cxl-vfio-pci/bind.\n",
			  driver ? "driver " : "no driver", driver ?: "",
			  s->parent_obj.vbasedev.sysfsdev,
			  driver ? " its address to driver/unbind there," : "");
}

/* As vfio-pci checks it, whose message has another device's name. */
static bool check_host(VfioCxl *s, Error **errp)
{
	const PCIHostDeviceAddress *host = &s->parent_obj.host;

	if (s->parent_obj.vbasedev.fd >= 0 || s->parent_obj.vbasedev.sysfsdev ||
	    ~host->domain || ~host->bus || ~host->slot || ~host->function)
		return true;
	error_setg(errp, "no host device given");
	error_append_hint(errp, "Use -device vfio-cxl,host=DDDD:BB:DD.F or "
			  "-device vfio-cxl,sysfsdev=PATH_TO_DEVICE.\n");
	return false;
}

/* KVM_RUN fails where the memory may not be touched; a processor that QEMU plays ends QEMU. */
static bool check_accelerator(Error **errp)
{
	if (kvm_enabled())
		return true;
	error_setg(errp, "%s needs KVM", TYPE_VFIO_CXL);
	error_append_hint(errp, "With another accelerator a reset on the host, while the guest "
			  "uses the memory, would end QEMU. Say -accel kvm.\n");
	return false;
}

/*
 * What the guest maps in an IOMMU of its own, VFIO translates once. It is not told when the
 * memory goes, so another device would still have it after a reset, or after this guest.
 */
static bool check_iommu(VfioCxl *s, Error **errp)
{
	PCIBus *bus = pci_get_bus(PCI_DEVICE(s));

	while (bus->parent_dev)
		bus = pci_get_bus(bus->parent_dev);
	if (!s->dma || !bus->iommu_ops)
		return true;
	error_setg(errp, "the machine has an IOMMU, by which DMA to the device's memory would "
		   "outlast resets");
	error_append_hint(errp, "Leave the IOMMU out, or say dma=off: then no device of the "
			  "guest can do DMA to the memory.\n");
	return false;
}

/* The IOMMU may come after this device on the command line. */
static void machine_done(Notifier *notifier, void *data)
{
	VfioCxl *s = container_of(notifier, VfioCxl, machine_done);
	Error *err = NULL;

	if (check_iommu(s, &err))
		return;
	error_prepend(&err, VFIO_MSG_PREFIX, s->parent_obj.vbasedev.name);
	error_report_err(err);
	exit(EXIT_FAILURE);
}

/*
 * A guest that has the power controller of the port switch the slot off makes QEMU unplug
 * the device (pcie_cap_slot_write_config()), and nothing could bring it back. So the slot
 * has no power controller and no power indicator (PCIe 7.5.3.9); off is what their fields
 * stay at, from where QEMU sees no switching.
 */
static void remove_power_controller(PCIDevice *port)
{
	const uint16_t fields = PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PIC;
	uint32_t cap = port->exp.exp_cap;

	port->cap_present &= ~QEMU_PCIE_SLTCAP_PCP;
	pci_long_test_and_clear_mask(port->config + cap + PCI_EXP_SLTCAP,
				     PCI_EXP_SLTCAP_PCP | PCI_EXP_SLTCAP_PIP);
	pci_word_test_and_clear_mask(port->wmask + cap + PCI_EXP_SLTCTL, fields);
	pci_word_test_and_set_mask(port->config + cap + PCI_EXP_SLTCTL,
				   PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF);
}

/* A device whose memory is presented as a BAR has no such capability. */
static bool find_regions(VfioCxl *s, Error **errp)
{
	g_autofree struct vfio_device_info *info = vfio_get_device_info(s->parent_obj.vbasedev.fd);
	struct vfio_device_info_cap_cxl *cap;

	cap = info ? (void *)vfio_get_device_info_cap(info, VFIO_DEVICE_INFO_CAP_CXL) : NULL;
	if (!cap) {
		error_setg(errp, "the host's driver gives no CXL memory");
		return false;
	}
	s->memory_index = cap->dpa_region_index;
	s->registers_index = cap->comp_regs_region_index;
	return true;
}

static bool init_parts(VfioCxl *s, Error **errp)
{
	ERRP_GUARD();

	if (!find_regions(s, errp) || !vfio_cxl_mem_init(s, errp) || !vfio_cxl_regs_init(s, errp)) {
		append_binding(s, errp);
		return false;
	}
	return vfio_cxl_firmware_place(s, errp);
}

static void exit_parts(VfioCxl *s)
{
	vfio_cxl_firmware_unplace(s);
	vfio_cxl_regs_exit(s);
	vfio_cxl_mem_exit(s);
}

static void vfio_cxl_realize(PCIDevice *pdev, Error **errp)
{
	ERRP_GUARD();
	VfioCxl *s = VFIO_CXL(pdev);

	if (!check_accelerator(errp) || !route_check(pdev, false, errp) || !check_host(s, errp) ||
	    !check_iommu(s, errp) || !block_migration(s, errp))
		return;
	parent.realize(pdev, errp);
	/* The reason that was given last is the one that is told: not vfio-pci's. */
	migrate_del_blocker(&s->migration_blocker);
	if (*errp) {
		append_binding(s, errp);
		goto unblock;
	}
	if (!block_migration(s, errp) || !init_parts(s, errp)) {
		error_prepend(errp, VFIO_MSG_PREFIX, s->parent_obj.vbasedev.name);
		exit_parts(s);
		parent.exit(pdev);
		goto unblock;
	}
	remove_power_controller(route_root_port(pdev));
	qemu_register_reset(machine_reset, s);
	s->machine_done.notify = machine_done;
	qemu_add_machine_init_done_notifier(&s->machine_done);
	return;

unblock:
	migrate_del_blocker(&s->migration_blocker);
}

static void vfio_cxl_exit(PCIDevice *pdev)
{
	VfioCxl *s = VFIO_CXL(pdev);

	qemu_remove_machine_init_done_notifier(&s->machine_done);
	qemu_unregister_reset(machine_reset, s);
	exit_parts(s);
	parent.exit(pdev);
	migrate_del_blocker(&s->migration_blocker);
}

/* When no processor of the guest can be in one of the memory regions any more. */
static void vfio_cxl_finalize(Object *obj)
{
	VfioCxl *s = VFIO_CXL(obj);

	vfio_cxl_regs_finalize(s);
	vfio_cxl_guard_finalize(s);
}

static const char *const commit_names[] = {
	[VFIO_CXL_COMMIT_LOCKED] = "locked",
	[VFIO_CXL_COMMIT_UNLOCKED] = "unlocked",
	[VFIO_CXL_COMMIT_GUEST] = "guest",
};

static const QEnumLookup commit_lookup = {
	.array = commit_names,
	.size = ARRAY_SIZE(commit_names),
};

static void set_commit(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	ERRP_GUARD();

	qdev_propinfo_set_enum(obj, v, name, opaque, errp);
	if (*errp)
		error_append_hint(errp, "It is 'locked', 'unlocked' or 'guest'.\n");
}

static const PropertyInfo commit_prop = {
	.type = "VfioCxlCommit",
	.description = "who commits the decoders: 'locked' or 'unlocked', by this device as the "
		       "guest's firmware; 'guest', by the guest",
	.enum_table = &commit_lookup,
	.get = qdev_propinfo_get_enum,
	.set = set_commit,
	.set_default_value = qdev_propinfo_set_default_value_enum,
};

static const Property vfio_cxl_properties[] = {
	DEFINE_PROP_SIGNED("commit", VfioCxl, commit, VFIO_CXL_COMMIT_LOCKED, commit_prop, int),
	DEFINE_PROP_BOOL("dma", VfioCxl, dma, true),
};

static void vfio_cxl_class_init(ObjectClass *oc, CLASS_DATA data)
{
	DeviceClass *dc = DEVICE_CLASS(oc);
	PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

	parent.realize = pc->realize;
	parent.exit = pc->exit;
	pc->realize = vfio_cxl_realize;
	pc->exit = vfio_cxl_exit;
	pc->config_write = vfio_cxl_write_config;
	resettable_class_set_parent_phases(RESETTABLE_CLASS(oc), NULL, vfio_cxl_reset_hold,
					   vfio_cxl_reset_exit, &parent.reset);
	vfio_cxl_dma_class_init(oc);
	dc->desc = "VFIO-based CXL device assignment";
	/*
	 * A guest looks at the decoders of a host bridge once, when it finds the
	 * bridge; firmware commits nothing there while it runs.
	 */
	dc->hotpluggable = false;
	device_class_set_props(dc, vfio_cxl_properties);
}

static const TypeInfo vfio_cxl_info = {
	.name = TYPE_VFIO_CXL,
	.parent = TYPE_VFIO_PCI,
	.instance_size = sizeof(VfioCxl),
	.instance_finalize = vfio_cxl_finalize,
	.class_init = vfio_cxl_class_init,
	.interfaces = (InterfaceInfo[]) {
		{ INTERFACE_CXL_DEVICE },
		{ TYPE_RAM_DISCARD_MANAGER },
		{ }
	},
};

static const struct known_type known_types[] = {
	KNOWN_TYPE(TYPE_VFIO_PCI, VFIOPCIDevice),
	KNOWN_TYPE(TYPE_PXB_CXL_DEV, PXBCXLDev),
	KNOWN_TYPE(TYPE_CXL_USP, CXLUpstreamPort),
};

DEVICE_TYPE(vfio_cxl_info, known_types)
