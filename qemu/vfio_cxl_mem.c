// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device's memory in the guest's physical address space: RAM where the
 * virtual decoder was committed to, as long as an access of the guest's would
 * get there and the host's mapping can be touched. The accelerator of the VMM
 * (KVM), and VFIO for DMA by any device, follow QEMU's address space.
 */
#include "vfio_cxl.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
#include "exec/ram_addr.h"
#include "route.h"

/*
 * Where the guest should have the memory: where the virtual decoder says, while the host's driver
 * lets it be touched. That it does not while Memory Space Enable is clear, nor outside of D0.
 */
static struct vfio_cxl_window wanted_window(VfioCxl *s)
{
	const uint32_t need = VFIO_CXL_STATE_COMMITTED | VFIO_CXL_STATE_HDM_ENABLED |
			      VFIO_CXL_STATE_MEM_ENABLED | VFIO_CXL_STATE_ACCESSIBLE;
	const struct vfio_device_feature_cxl_events *state = &s->events.state;
	struct vfio_cxl_window none = { 0 }, window = {
		.gpa = state->base, .size = state->size, .dpa = state->dpa,
	};
	PCIDevice *pdev = PCI_DEVICE(s);

	if ((state->flags & (need | VFIO_CXL_STATE_ABSENT)) != need)
		return none;
	if (window.dpa > s->mem.size || window.size > s->mem.size - window.dpa ||
	    !window.size || !route_reaches(pdev, window.gpa, window.size))
		return none;
	return window;
}

void vfio_cxl_mem_remove(VfioCxl *s)
{
	if (s->mem.window.size)
		memory_region_del_subregion(get_system_memory(), &s->mem.alias);
	s->mem.window = (struct vfio_cxl_window) { 0 };
}

static bool same_window(const struct vfio_cxl_window *a, const struct vfio_cxl_window *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void give(VfioCxl *s, struct vfio_cxl_window window)
{
	s->dma_map.error = 0;
	memory_region_transaction_begin();
	memory_region_set_size(&s->mem.alias, window.size);
	memory_region_set_alias_offset(&s->mem.alias, window.dpa);
	memory_region_add_subregion_overlap(get_system_memory(), window.gpa, &s->mem.alias,
					    ROUTE_PRIORITY);
	memory_region_transaction_commit();
	s->mem.window = window;
}

/*
 * The guest computes on what its devices cannot reach, and finds its data lost. So where VFIO
 * cannot map the memory the guest has none. Access may have ended meanwhile, which events tell.
 */
static void refuse(VfioCxl *s, struct vfio_cxl_window window)
{
	struct vfio_cxl_window now;

	vfio_cxl_mem_remove(s);
	vfio_cxl_events_drain(s);
	now = wanted_window(s);
	if (!same_window(&window, &now)) {
		vfio_cxl_mem_update(s);
		return;
	}
	s->mem.refused = window;
	error_report_once_cond(&s->mem.refusal_told, "%s: the guest gets no memory at 0x%" PRIx64
			       ", where the host cannot map it for DMA: %s; with dma=off the "
			       "guest's devices do without", s->parent_obj.vbasedev.name,
			       window.gpa, strerror(-s->dma_map.error));
}

void vfio_cxl_mem_update(VfioCxl *s)
{
	struct vfio_cxl_window window = wanted_window(s);

	if (same_window(&window, &s->mem.window) && !qatomic_read(&s->guard.substituted))
		return;
	if (window.size && same_window(&window, &s->mem.refused))
		return;
	vfio_cxl_mem_remove(s);
	s->mem.refused = (struct vfio_cxl_window) { 0 };
	if (!window.size)
		return;
	if (!vfio_cxl_guard_restore(s)) {
		error_report("%s: the guest gets no memory: it cannot be mapped again: %s",
			     s->parent_obj.vbasedev.name, strerror(errno));
		return;
	}
	give(s, window);
	if (s->dma_map.error)
		refuse(s, window);
}

static void bridge_changed(Notifier *notifier, void *data)
{
	VfioCxl *s = container_of(notifier, VfioCxl, bridge_changed);

	vfio_cxl_events_drain(s);
	vfio_cxl_mem_update(s);
}

static bool find_region(VfioCxl *s, Error **errp)
{
	g_autofree struct vfio_region_info *info = NULL;
	struct vfio_cxl_region_cap_memory *cap;

	cap = vfio_cxl_get_region(s, s->memory_index, VFIO_CXL_REGION_CAP_MEMORY, &info);
	if (!cap) {
		error_setg(errp, "the host's driver gives no CXL memory");
		return false;
	}
	s->mem.file = (struct vfio_cxl_file) { s->parent_obj.vbasedev.fd, info->offset };
	s->mem.size = info->size;
	s->mem.align = MAX(cap->map_align, qemu_real_host_page_size());
	return true;
}

static void destroy_ram(MemoryRegion *mr)
{
	qemu_ram_free(mr->ram_block);
}

/*
 * As memory_region_init_ram_from_fd(), which takes no alignment: at an address that lets the
 * driver use its largest mappings. RAM that has a file can be handed to other processes
 * (vhost-user). RAM_PROTECTED: VFIO and vDPA leave it out.
 */
static bool init_ram(VfioCxl *s, const char *name, Error **errp)
{
	MemoryRegion *ram = &s->mem.ram;
	int fd = dup(s->mem.file.fd);

	memory_region_init(ram, OBJECT(s), name, s->mem.size);
	ram->align = s->mem.align;
	/* The block closes the file. */
	ram->ram_block = qemu_ram_alloc_from_fd(s->mem.size, s->mem.size, NULL, ram,
						RAM_SHARED | (s->dma ? 0 : RAM_PROTECTED), fd,
						s->mem.file.offset, false, errp);
	if (!ram->ram_block) {
		close(fd);
		return false;
	}
	ram->ram = true;
	ram->terminates = true;
	ram->destructor = destroy_ram;
	s->mem.map = memory_region_get_ram_ptr(ram);
	memory_region_set_ram_discard_manager(ram, RAM_DISCARD_MANAGER(s));
	return true;
}

bool vfio_cxl_mem_init(VfioCxl *s, Error **errp)
{
	ERRP_GUARD();
	g_autofree char *name = g_strdup_printf("%s CXL memory", s->parent_obj.vbasedev.name);

	if (!find_region(s, errp))
		return false;
	if (!init_ram(s, name, errp)) {
		error_prepend(errp, "cannot map the device's memory of %" PRIu64 " MiB: ",
			      s->mem.size / MiB);
		return false;
	}
	if (!vfio_cxl_guard_init(s, errp))
		return false;
	memory_region_init_alias(&s->mem.alias, OBJECT(s), "vfio-cxl-memory", &s->mem.ram, 0,
				 s->mem.size);
	s->bridge_changed.notify = bridge_changed;
	route_watch(PCI_DEVICE(s), &s->bridge_changed);
	return true;
}

/* The regions themselves, and the mapping, go with the device's object. */
void vfio_cxl_mem_exit(VfioCxl *s)
{
	if (!s->bridge_changed.notify)
		return;
	notifier_remove(&s->bridge_changed);
	vfio_cxl_mem_remove(s);
	s->bridge_changed.notify = NULL;
}
