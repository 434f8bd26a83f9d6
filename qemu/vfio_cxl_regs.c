// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The virtual registers: the driver's register region, laid over the place in
 * the guest's BAR where the device has its CM block, and the CXL DVSEC. Both
 * are the driver's to interpret; what they lead to, its events tell. The other
 * component registers (8.2.3) cannot be mapped: the BAR region has zero there.
 */
#include "vfio_cxl.h"
#include <sys/ioctl.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "../registers/blocks.h"

/* Events that are taken out of the queue in one go. */
#define BATCH			16

/* Bytes for a region's capabilities, at the first try. */
#define CAPS_ROOM		256

/* Over the registers, and over whatever vfio-pci has in a BAR. */
#define ABSENT_PRIORITY		100

/* Other events may come between reading them and the write: not so many times. */
#define WRITE_TRIES		1000

union events_feature {
	struct vfio_device_feature header;
	uint64_t buf[(sizeof(struct vfio_device_feature) +
		      sizeof(struct vfio_device_feature_cxl_events) +
		      BATCH * sizeof(struct vfio_cxl_event)) / sizeof(uint64_t)];
};

static int events_ioctl(VfioCxl *s, union events_feature *feature, uint32_t op, size_t size)
{
	feature->header.argsz = sizeof(feature->header) + size;
	feature->header.flags = op | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	return ioctl(s->parent_obj.vbasedev.fd, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
}

void vfio_cxl_events_drain(VfioCxl *s)
{
	union events_feature feature = { 0 };
	struct vfio_device_feature_cxl_events *events = (void *)feature.header.data;

	do {
		int ret;

		events->event_size = sizeof(struct vfio_cxl_event);
		ret = events_ioctl(s, &feature, VFIO_DEVICE_FEATURE_GET,
				   sizeof(feature) - sizeof(feature.header));

		if (ret) {
			error_report_once("%s: cannot get events: %s; the guest's CXL memory is "
					  "taken away", s->parent_obj.vbasedev.name,
					  strerror(-ret));
			s->events.state = (struct vfio_device_feature_cxl_events) { 0 };
			return;
		}
	} while (events->flags & VFIO_CXL_STATE_MORE);
	s->events.state = *events;
}

static void events_ready(void *opaque)
{
	VfioCxl *s = opaque;

	if (!event_notifier_test_and_clear(&s->events.notifier))
		return;
	vfio_cxl_events_drain(s);
	vfio_cxl_update(s);
}

static int events_signal(VfioCxl *s, int fd)
{
	union events_feature feature = { 0 };
	struct vfio_device_feature_cxl_events *events = (void *)feature.header.data;

	events->eventfd = fd;
	return events_ioctl(s, &feature, VFIO_DEVICE_FEATURE_SET, sizeof(*events));
}

static bool events_init(VfioCxl *s, Error **errp)
{
	int ret = event_notifier_init(&s->events.notifier, 0);

	if (ret) {
		error_setg_errno(errp, -ret, "cannot make an eventfd");
		return false;
	}
	ret = events_signal(s, event_notifier_get_fd(&s->events.notifier));
	if (ret) {
		error_setg_errno(errp, -ret, "the host's driver tells no CXL events");
		event_notifier_cleanup(&s->events.notifier);
		return false;
	}
	qemu_set_fd_handler(event_notifier_get_fd(&s->events.notifier), events_ready, NULL, s);
	s->events.armed = true;
	vfio_cxl_events_drain(s);
	return true;
}

static void events_exit(VfioCxl *s)
{
	if (!s->events.armed)
		return;
	events_signal(s, -1);
	qemu_set_fd_handler(event_notifier_get_fd(&s->events.notifier), NULL, NULL, NULL);
	event_notifier_cleanup(&s->events.notifier);
	s->events.armed = false;
}

/*
 * Registers take the widths that the specification gives them, and the driver
 * refuses others. An access that hardware would not define reads as ones.
 */
static uint64_t region_read(void *opaque, hwaddr addr, unsigned int size)
{
	VfioCxl *s = opaque;
	uint64_t val = 0;

	if (pread(s->parent_obj.vbasedev.fd, &val, size, s->regs.fd_offset + addr) != size)
		return UINT64_MAX;
	return le64_to_cpu(val);
}

/* -EAGAIN: events are not read, which is what the next try begins with. */
static void region_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	VfioCxl *s = opaque;
	unsigned int tries;
	ssize_t ret;

	val = cpu_to_le64(val);
	for (tries = 0; tries < WRITE_TRIES; tries++) {
		vfio_cxl_events_drain(s);
		ret = pwrite(s->parent_obj.vbasedev.fd, &val, size, s->regs.fd_offset + addr);
		if (ret >= 0 || errno != EAGAIN)
			return;
	}
	error_report_once("%s: the host's driver has no room for events, though all were read; "
			  "a register write of the guest's is lost",
			  s->parent_obj.vbasedev.name);
}

/* The same by the guest. No answer comes before the memory is where it says. */
static void guest_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	VfioCxl *s = opaque;

	region_write(s, addr, val, size);
	vfio_cxl_events_drain(s);
	vfio_cxl_update(s);
}

static const MemoryRegionOps region_ops = {
	.read = region_read,
	.write = guest_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

uint32_t vfio_cxl_regs_read(VfioCxl *s, uint32_t offset)
{
	return region_read(s, offset, sizeof(uint32_t));
}

void vfio_cxl_regs_write(VfioCxl *s, uint32_t offset, uint32_t val)
{
	region_write(s, offset, val, sizeof(val));
}

uint16_t vfio_cxl_dvsec_read(VfioCxl *s, uint32_t offset)
{
	return vfio_pci_read_config(PCI_DEVICE(s), s->regs.dvsec + offset, sizeof(uint16_t));
}

void vfio_cxl_dvsec_write(VfioCxl *s, uint32_t offset, uint16_t val)
{
	vfio_cxl_events_drain(s);
	vfio_pci_write_config(PCI_DEVICE(s), s->regs.dvsec + offset, val, sizeof(val));
}

void *vfio_cxl_get_region(VfioCxl *s, uint32_t index, uint16_t id,
			  struct vfio_region_info **info)
{
	uint32_t argsz = sizeof(**info) + CAPS_ROOM;

	*info = NULL;
	do {
		*info = g_realloc(*info, argsz);
		**info = (struct vfio_region_info) { .argsz = argsz, .index = index };
		if (ioctl(s->parent_obj.vbasedev.fd, VFIO_DEVICE_GET_REGION_INFO, *info))
			return NULL;
	} while ((*info)->argsz > argsz && (argsz = (*info)->argsz));
	return vfio_get_region_info_cap(*info, id);
}

static bool find_region(VfioCxl *s, Error **errp)
{
	g_autofree struct vfio_region_info *info = NULL;
	struct vfio_cxl_region_cap_registers *cap;

	cap = vfio_cxl_get_region(s, s->registers_index, VFIO_CXL_REGION_CAP_REGISTERS, &info);
	if (!cap) {
		error_setg(errp, "the host's driver gives no CXL registers");
		return false;
	}
	s->regs.fd_offset = info->offset;
	s->regs.size = info->size;
	s->regs.hdm = cap->hdm_offset;
	s->regs.bar = cap->bar;
	s->regs.bar_offset = cap->offset;
	if (cap->bar < PCI_ROM_SLOT && cap->offset <= s->parent_obj.bars[cap->bar].region.size &&
	    info->size <= s->parent_obj.bars[cap->bar].region.size - cap->offset)
		return true;
	error_setg(errp, "the host's driver says that the CXL registers are in BAR %u at 0x%" PRIx64
		   ", which has no room for them", cap->bar, (uint64_t)cap->offset);
	return false;
}

static uint32_t config_read(const struct cxlr_source *source, uint32_t offset)
{
	return pci_get_long(PCI_DEVICE(source->owner)->config + offset);
}

/* PCIe DVSEC for CXL Devices (8.1.3), in what the guest sees. */
static bool find_dvsec(VfioCxl *s, Error **errp)
{
	const struct cxlr_source config = {
		.read = config_read, .size = PCIE_CONFIG_SPACE_SIZE, .owner = s,
	};
	const char *why = cxlr_find_dvsecs(&config, &s->regs.dvsecs);
	const struct cxlr_block *device;

	device = why ? NULL : cxlr_block_find(&s->regs.dvsecs, CXLR_DVSEC_ID_DEVICE);
	if (device) {
		s->regs.dvsec = device->at;
		return true;
	}
	error_setg(errp, "the device's CXL DVSECs make no sense: %s",
		   why ?: "there is none for CXL devices");
	return false;
}

bool vfio_cxl_is_dvsec(const VfioCxl *s, uint32_t addr)
{
	const struct cxlr_block *block;

	for (block = s->regs.dvsecs.block; block < s->regs.dvsecs.block + s->regs.dvsecs.count;
	     block++)
		if (addr - block->at < block->size)
			return true;
	return false;
}

/* As hardware that does not answer. */
static uint64_t absent_read(void *opaque, hwaddr addr, unsigned int size)
{
	return UINT64_MAX;
}

static void absent_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
}

static const MemoryRegionOps absent_ops = {
	.read = absent_read,
	.write = absent_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

static void bar_by_file(VfioCxl *s, unsigned int bar)
{
	VFIORegion *region = &s->parent_obj.bars[bar].region;
	unsigned int i;

	s->regs.files[bar] = g_new(struct vfio_cxl_file, region->nr_mmaps);
	for (i = 0; i < region->nr_mmaps; i++) {
		s->regs.files[bar][i] = (struct vfio_cxl_file) {
			s->parent_obj.vbasedev.fd, region->fd_offset + region->mmaps[i].offset,
		};
		if (region->mmaps[i].mmap)
			vfio_cxl_by_file(&region->mmaps[i].mem, &s->regs.files[bar][i]);
	}
}

static void bars_init(VfioCxl *s)
{
	unsigned int i;

	for (i = 0; i < PCI_ROM_SLOT; i++) {
		MemoryRegion *bar = s->parent_obj.bars[i].mr, *absent = &s->regs.absent[i];

		if (!bar)
			continue;
		bar_by_file(s, i);
		memory_region_init_io(absent, OBJECT(s), &absent_ops, s, "vfio-cxl-absent",
				      memory_region_size(bar));
		memory_region_set_enabled(absent, false);
		memory_region_add_subregion_overlap(bar, 0, absent, ABSENT_PRIORITY);
	}
}

static void bars_exit(VfioCxl *s)
{
	unsigned int i;

	for (i = 0; i < PCI_ROM_SLOT; i++)
		if (memory_region_is_mapped(&s->regs.absent[i]))
			memory_region_del_subregion(s->parent_obj.bars[i].mr, &s->regs.absent[i]);
}

void vfio_cxl_bars_show(VfioCxl *s, bool show)
{
	unsigned int i;

	memory_region_transaction_begin();
	for (i = 0; i < PCI_ROM_SLOT; i++)
		if (memory_region_is_mapped(&s->regs.absent[i]))
			memory_region_set_enabled(&s->regs.absent[i], !show);
	memory_region_transaction_commit();
}

bool vfio_cxl_regs_init(VfioCxl *s, Error **errp)
{
	if (!find_region(s, errp) || !find_dvsec(s, errp) || !events_init(s, errp))
		return false;
	memory_region_init_io(&s->regs.mr, OBJECT(s), &region_ops, s, "vfio-cxl-registers",
			      s->regs.size);
	memory_region_add_subregion_overlap(s->parent_obj.bars[s->regs.bar].region.mem,
					    s->regs.bar_offset, &s->regs.mr, 1);
	bars_init(s);
	return true;
}

void vfio_cxl_regs_exit(VfioCxl *s)
{
	bars_exit(s);
	if (memory_region_is_mapped(&s->regs.mr))
		memory_region_del_subregion(s->parent_obj.bars[s->regs.bar].region.mem,
					    &s->regs.mr);
	events_exit(s);
}

void vfio_cxl_regs_finalize(VfioCxl *s)
{
	unsigned int i;

	for (i = 0; i < PCI_ROM_SLOT; i++)
		g_free(s->regs.files[i]);
}
