// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What platform firmware does before an operating system runs: pick guest
 * physical addresses in a CXL window, program and commit the decoders of host
 * bridge and device. QEMU's firmware does not, so the device does, whenever the
 * machine was reset.
 */
#include "vfio_cxl.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "qemu/units.h"
#include "hw/boards.h"
#include "hw/pci/pcie_port.h"
#include "route.h"

/* HDM decoders count in these (8.2.4.20.3). */
#define GRANULE		(256 * MiB)

/* Those that were given an address. */
static QLIST_HEAD(, VfioCxl) placed = QLIST_HEAD_INITIALIZER(placed);

static const char *bridge_name(PCIHostState *bridge)
{
	return bridge->bus->parent_dev->qdev.id ?: "(the pxb-cxl has no id)";
}

/* The first address from @gpa on that no placed device has, of those aligned to @align. */
static uint64_t skip_placed(uint64_t gpa, uint64_t size, uint64_t align)
{
	VfioCxl *other;

	gpa = ROUND_UP(gpa, align);
again:
	QLIST_FOREACH(other, &placed, node)
		if (ranges_overlap(gpa, size, other->gpa, other->mem.size)) {
			gpa = ROUND_UP(other->gpa + other->mem.size, align);
			goto again;
		}
	return gpa;
}

/* Room in @window for the device, or 0. */
static uint64_t room_in(CXLFixedWindow *window, VfioCxl *s, uint64_t align)
{
	uint64_t gpa = skip_placed(window->base, s->mem.size, align);

	if (gpa - window->base > window->size || s->mem.size > window->size - (gpa - window->base))
		return 0;
	return gpa;
}

/* Of all windows, by what they are not good for. */
struct survey {
	unsigned int own;		/* lead to the host bridge alone */
	unsigned int shared;		/* are interleaved over several */
	CXLFixedWindow *closest;	/* the own one that lacks least */
	uint64_t need;			/* the size that it would have to have, in bytes */
};

/* Count a window that has no room. */
static void survey_full(struct survey *survey, CXLFixedWindow *window, VfioCxl *s)
{
	uint64_t need = skip_placed(window->base, s->mem.size, GRANULE) + s->mem.size -
			window->base;

	survey->own++;
	if (survey->closest &&
	    survey->need - survey->closest->size <= need - window->size)
		return;
	survey->closest = window;
	survey->need = need;
}

static uint64_t find_room(VfioCxl *s, PCIHostState *bridge, struct survey *survey)
{
	CXLFixedWindow *window;
	uint64_t gpa;

	for (window = route_next_window(NULL); window; window = route_next_window(window)) {
		if (!route_window_targets(window, bridge))
			continue;
		if (window->num_targets > 1) {
			survey->shared++;
			continue;
		}
		/* As the host has it, if that fits: guests get larger mappings. */
		gpa = room_in(window, s, MAX(s->mem.align, GRANULE)) ?:
		      room_in(window, s, GRANULE);
		if (gpa)
			return gpa;
		survey_full(survey, window, s);
	}
	return 0;
}

static void explain(VfioCxl *s, PCIHostState *bridge, const struct survey *survey, Error **errp)
{
	const char *name = bridge_name(bridge);
	uint64_t need = s->mem.size / MiB;

	if (!object_property_get_bool(qdev_get_machine(), "cxl", NULL)) {
		error_setg(errp, "the machine has no CXL");
		error_append_hint(errp, "Say -machine q35,cxl=on,cxl-fmw.0.targets.0=%s,"
				  "cxl-fmw.0.size=%" PRIu64 "M.\n", name, need);
		return;
	}
	if (survey->own) {
		error_setg(errp, "no room for %" PRIu64 " MiB in the CXL windows of host bridge "
			   "'%s': the one of %" PRIu64 " MiB at 0x%" PRIx64 " would need %" PRIu64
			   " MiB", need, name, survey->closest->size / MiB,
			   survey->closest->base, survey->need / MiB);
		error_append_hint(errp, "The devices behind one host bridge share its windows: make "
				  "one larger (cxl-fmw.N.size) or add another.\n");
		return;
	}
	if (survey->shared)
		error_setg(errp, "the CXL window of host bridge '%s' is interleaved with other "
			   "host bridges, which this device cannot be part of", name);
	else
		error_setg(errp, "no CXL window leads to host bridge '%s'", name);
	error_append_hint(errp, "Give the host bridge a window of its own: -machine "
			  "cxl-fmw.N.targets.0=%s,cxl-fmw.N.size=%" PRIu64 "M.\n", name, need);
}

/* The host bridge's decoder for @s: they are in the order of addresses (8.2.4.20). */
static unsigned int bridge_decoder(VfioCxl *s)
{
	PCIHostState *bridge = route_host_bridge(PCI_DEVICE(s));
	unsigned int below = 0;
	VfioCxl *other;

	QLIST_FOREACH(other, &placed, node)
		below += route_host_bridge(PCI_DEVICE(other)) == bridge && other->gpa < s->gpa;
	return below;
}

/* What DMA by the device, or to its memory, can reach on this host. */
static bool in_iova_range(VfioCxl *s)
{
	GList *item = s->parent_obj.vbasedev.bcontainer->iova_ranges;

	if (!item)
		return true;
	for (; item; item = item->next) {
		Range *range = item->data;

		if (range_contains(range, s->gpa) &&
		    range_contains(range, s->gpa + s->mem.size - 1))
			return true;
	}
	return false;
}

/* Find an address for the memory, unless the guest is to say. */
bool vfio_cxl_firmware_place(VfioCxl *s, Error **errp)
{
	PCIHostState *bridge = route_host_bridge(PCI_DEVICE(s));
	struct survey survey = { 0 };
	uint64_t gpa = find_room(s, bridge, &survey);

	if (!gpa) {
		explain(s, bridge, &survey, errp);
		return false;
	}
	if (s->commit == VFIO_CXL_COMMIT_GUEST)
		return true;

	s->gpa = gpa;
	if (!in_iova_range(s)) {
		error_setg(errp, "the host's IOMMU cannot map the CXL window at 0x%" PRIx64, gpa);
		error_append_hint(errp, "Make the machine's address space smaller (-m maxmem=), "
				  "which moves the window down.\n");
		s->gpa = 0;
		return false;
	}
	QLIST_INSERT_HEAD(&placed, s, node);
	return true;
}

void vfio_cxl_firmware_unplace(VfioCxl *s)
{
	if (s->gpa)
		QLIST_REMOVE(s, node);
	s->gpa = 0;
}

static void commit_bridge(VfioCxl *s, uint32_t lock)
{
	PCIHostState *bridge = route_host_bridge(PCI_DEVICE(s));
	unsigned int n = bridge_decoder(s);

	/* One port and no decoders: all that gets to the bridge goes there. */
	if (cxl_get_hb_passthrough(bridge))
		return;
	if (n >= cxlr_hdm_decoder_count(route_bridge_read(bridge, CXLR_HDM_CAP))) {
		error_report_once_cond(&s->no_decoder_told, "%s: host bridge '%s' has no decoder "
				       "left for it; put the device behind a pxb-cxl of its own",
				       s->parent_obj.vbasedev.name, bridge_name(bridge));
		return;
	}
	route_bridge_write(bridge, CXLR_HDM_BASE_LOW(n), s->gpa);
	route_bridge_write(bridge, CXLR_HDM_BASE_HIGH(n), s->gpa >> 32);
	route_bridge_write(bridge, CXLR_HDM_SIZE_LOW(n), s->mem.size);
	route_bridge_write(bridge, CXLR_HDM_SIZE_HIGH(n), s->mem.size >> 32);
	route_bridge_write(bridge, CXLR_HDM_TARGET_LOW(n),
			   PCIE_PORT(route_root_port(PCI_DEVICE(s)))->port);
	route_bridge_write(bridge, CXLR_HDM_CTRL(n), lock | CXLR_HDM_CTRL_COMMIT);
	route_bridge_write(bridge, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
}

/*
 * At a reset the driver gave the virtual decoder its size and target type. If the reset was
 * not made, as the host's administrator had the device, a locked decoder is still elsewhere.
 */
static bool commit_device(VfioCxl *s, uint32_t lock)
{
	uint32_t hdm = s->regs.hdm, ctrl = hdm + CXLR_HDM_CTRL(0);

	vfio_cxl_regs_write(s, hdm + CXLR_HDM_BASE_LOW(0), s->gpa);
	vfio_cxl_regs_write(s, hdm + CXLR_HDM_BASE_HIGH(0), s->gpa >> 32);
	vfio_cxl_regs_write(s, ctrl, vfio_cxl_regs_read(s, ctrl) | lock | CXLR_HDM_CTRL_COMMIT);
	vfio_cxl_regs_write(s, hdm + CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	vfio_cxl_dvsec_write(s, CXLR_DVSEC_CTRL,
			     vfio_cxl_dvsec_read(s, CXLR_DVSEC_CTRL) | CXLR_CTRL_MEM_ENABLE);
	vfio_cxl_events_drain(s);
	return s->events.state.flags & VFIO_CXL_STATE_COMMITTED && s->events.state.base == s->gpa;
}

/* The machine was reset, this device and its host bridge with it. */
void vfio_cxl_firmware_commit(VfioCxl *s)
{
	uint32_t lock = s->commit == VFIO_CXL_COMMIT_LOCKED ? CXLR_HDM_CTRL_LOCK : 0;

	if (!s->gpa)
		return;
	commit_bridge(s, lock);
	if (!commit_device(s, lock))
		error_report_once_cond(&s->no_commit_told, "%s: the virtual decoder did not "
				       "commit to 0x%" PRIx64 ": the guest will not find the "
				       "memory", s->parent_obj.vbasedev.name, s->gpa);
}
