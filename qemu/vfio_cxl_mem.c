// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device's memory in the guest's physical address space: RAM where the
 * virtual decoder was committed to, as long as an access of the guest's would
 * get there and the host's mapping can be touched. The accelerator of the VMM
 * (KVM), and VFIO for DMA by any device, follow QEMU's address space.
 */
#include "vfio_cxl.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
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

void vfio_cxl_mem_update(VfioCxl *s)
{
	struct vfio_cxl_window window = wanted_window(s);

	if (!memcmp(&window, &s->mem.window, sizeof(window)))
		return;
	vfio_cxl_mem_remove(s);
	if (!window.size)
		return;
	memory_region_transaction_begin();
	memory_region_set_size(&s->mem.alias, window.size);
	memory_region_set_alias_offset(&s->mem.alias, window.dpa);
	memory_region_add_subregion_overlap(get_system_memory(), window.gpa, &s->mem.alias,
					    ROUTE_PRIORITY);
	memory_region_transaction_commit();
	s->mem.window = window;
}

static void bridge_changed(Notifier *notifier, void *data)
{
	vfio_cxl_mem_update(container_of(notifier, VfioCxl, bridge_changed));
}

static bool find_region(VfioCxl *s, Error **errp)
{
	g_autofree struct vfio_region_info *info = NULL;
	struct vfio_cxl_region_cap_memory *cap;

	cap = vfio_cxl_find_region(s, VFIO_REGION_SUBTYPE_CXL, VFIO_CXL_REGION_CAP_MEMORY, &info);
	/* The region is there also where the memory is presented as a BAR, without the flag. */
	if (!cap || !(s->parent_obj.vbasedev.flags & VFIO_DEVICE_FLAGS_CXL)) {
		error_setg(errp, "the host's driver gives no CXL memory");
		return false;
	}
	s->mem.file = (struct vfio_cxl_file) { s->parent_obj.vbasedev.fd, info->offset };
	s->mem.size = info->size;
	s->mem.align = MAX(cap->map_align, qemu_real_host_page_size());
	return true;
}

/* At an address that lets the driver use its largest mappings. */
static void *map_aligned(VfioCxl *s)
{
	uintptr_t room, at;
	void *map;

	map = mmap(NULL, s->mem.size + s->mem.align, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	room = (uintptr_t)map;
	at = ROUND_UP(room, s->mem.align);
	if (at != room)
		munmap(map, at - room);
	munmap((void *)(at + s->mem.size), room + s->mem.align - at);
	map = mmap((void *)at, s->mem.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   s->mem.file.fd, s->mem.file.offset);
	if (map != MAP_FAILED)
		return map;
	munmap((void *)at, s->mem.size);
	return NULL;
}

bool vfio_cxl_mem_init(VfioCxl *s, Error **errp)
{
	g_autofree char *name = g_strdup_printf("%s CXL memory", s->parent_obj.vbasedev.name);

	if (!find_region(s, errp))
		return false;
	s->mem.map = map_aligned(s);
	if (!s->mem.map) {
		error_setg_errno(errp, errno, "cannot map the device's memory of %" PRIu64 " MiB",
				 s->mem.size / MiB);
		return false;
	}
	memory_region_init_ram_device_ptr(&s->mem.ram, OBJECT(s), name, s->mem.size, s->mem.map);
	vfio_cxl_by_file(&s->mem.ram, &s->mem.file);
	memory_region_init_alias(&s->mem.alias, OBJECT(s), "vfio-cxl-memory", &s->mem.ram, 0,
				 s->mem.size);
	s->bridge_changed.notify = bridge_changed;
	route_watch(PCI_DEVICE(s), &s->bridge_changed);
	return true;
}

void vfio_cxl_mem_exit(VfioCxl *s)
{
	if (!s->mem.map)
		return;
	notifier_remove(&s->bridge_changed);
	vfio_cxl_mem_remove(s);
	object_unparent(OBJECT(&s->mem.alias));
	object_unparent(OBJECT(&s->mem.ram));
	munmap(s->mem.map, s->mem.size);
	s->mem.map = NULL;
}
