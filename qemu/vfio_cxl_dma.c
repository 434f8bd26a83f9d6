// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA to the memory by the devices that VFIO passes to the guest. VFIO maps RAM in each
 * container when the guest gets it, and ends QEMU where the host cannot map it, at an
 * address that the guest has chosen. A RamDiscardManager is told the error instead.
 */
#include "vfio_cxl.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"

/* VFIO maps a piece of this size at a time: all of the memory in one. */
static uint64_t dma_granularity(const RamDiscardManager *rdm, const MemoryRegion *mr)
{
	return pow2ceil(memory_region_size((MemoryRegion *)mr));
}

/* An IOMMU of the guest's asks. */
static bool dma_is_populated(const RamDiscardManager *rdm, const MemoryRegionSection *section)
{
	return VFIO_CXL(rdm)->dma;
}

/* Dumps and migration ask for what they should have of the memory: nothing. */
static int dma_replay_populated(const RamDiscardManager *rdm, MemoryRegionSection *section,
				ReplayRamPopulate replay, void *opaque)
{
	return 0;
}

static void dma_replay_discarded(const RamDiscardManager *rdm, MemoryRegionSection *section,
				 ReplayRamDiscard replay, void *opaque)
{
}

/* A listener that could not map has no section. */
static void dma_register(RamDiscardManager *rdm, RamDiscardListener *listener,
			 MemoryRegionSection *section)
{
	VfioCxl *s = VFIO_CXL(rdm);
	int ret = listener->notify_populate(listener, section);

	listener->section = ret ? NULL : memory_region_section_new_copy(section);
	QLIST_INSERT_HEAD(&s->dma_map.listeners, listener, next);
	if (!ret)
		return;
	s->dma_map.error = ret;
	if (s->mem.window.size)
		warn_report("%s: a device that came later cannot do DMA to the memory: %s",
			    s->parent_obj.vbasedev.name, strerror(-ret));
}

static void dma_unregister(RamDiscardManager *rdm, RamDiscardListener *listener)
{
	if (listener->section) {
		listener->notify_discard(listener, listener->section);
		memory_region_section_free_copy(listener->section);
	}
	QLIST_REMOVE(listener, next);
}

void vfio_cxl_dma_class_init(ObjectClass *oc)
{
	RamDiscardManagerClass *rdmc = RAM_DISCARD_MANAGER_CLASS(oc);

	rdmc->get_min_granularity = dma_granularity;
	rdmc->is_populated = dma_is_populated;
	rdmc->replay_populated = dma_replay_populated;
	rdmc->replay_discarded = dma_replay_discarded;
	rdmc->register_listener = dma_register;
	rdmc->unregister_listener = dma_unregister;
}
