// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A complete minimal VMM that passes a CXL device with memory into a KVM
 * guest. docs/own-vmm.md explains it, in the order of this file; docs/uapi.md is
 * the interface that it uses.
 *
 *     vmm PCI-ADDRESS
 *
 * The device is bound to cxl-vfio-pci. The guest (guest.c) writes to the
 * memory, moves it about in its address space, disables it and resets the
 * device; the VMM follows, and looks at the memory with eyes of its own. Exit
 * status: 0 if everything was as it should be, 1 if not, 2 for wrong usage.
 *
 * What a VMM does for such a device is here. machine.c is any KVM guest's
 * vCPU; checks.c says whether all is as it should be. VFIO's group interface
 * only: by IOMMUFD, this memory cannot be mapped for DMA.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "vfio_cxl.h"
#include "vmm.h"

#define INFO_SIZE	512
#define EVENTS		16		/* taken out of the queue in one go */
#define RESET_TRIES	1000		/* 10 ms apart */
#define ACTIVE_S	257		/* 8.1.3.8.2: no device takes longer */

/* ---- Find: the device, its regions, what they say of themselves ---- */

static void must_be_bound(const char *address)
{
	char path[512], driver[512] = "";

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (access(path, F_OK))
		die("there is no PCI device %s; an address is written as in 0000:11:00.0", address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	if (readlink(path, driver, sizeof(driver) - 1) > 0 &&
	    !strcmp(strrchr(driver, '/'), "/cxl-vfio-pci"))
		return;
	die("%s is not bound to cxl-vfio-pci, but to %s. Load that driver, then, as root:\n"
	    "    cd /sys/bus/pci/devices/%s\n"
	    "    echo %s > driver/unbind     # if a driver has it\n"
	    "    echo cxl-vfio-pci > driver_override\n"
	    "    echo %s > /sys/bus/pci/drivers/cxl-vfio-pci/bind",
	    address, *driver ? strrchr(driver, '/') + 1 : "no driver", address, address, address);
}

static void open_device(struct vmm *vmm, const char *address)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[512], link[512] = "";

	must_be_bound(address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		die("%s has no IOMMU group: this machine has no IOMMU, or it is not turned on",
		    address);
	vmm->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vmm->container < 0)
		die("/dev/vfio/vfio: %m; modprobe vfio_iommu_type1");
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	vmm->group = open(path, O_RDWR | O_CLOEXEC);
	if (vmm->group < 0)
		die("%s: %m%s", path, errno == EBUSY ? "; another process has the device" : "");
	must(ioctl(vmm->group, VFIO_GROUP_GET_STATUS, &status), "group status");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		die("a device in the same IOMMU group is bound to a driver that is not VFIO's");
	must(ioctl(vmm->group, VFIO_GROUP_SET_CONTAINER, &vmm->container), "container");
	must(ioctl(vmm->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "type 1 IOMMU");
	vmm->device = ioctl(vmm->group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (vmm->device < 0)
		die("%s: %m%s", address, errno == EBUSY ? "; it is being reset, try again" : "");
}

/* Ask; if the capabilities need more room, ask again. The caller frees the answer. */
static void *get_info(int device, unsigned long request, const void *ask, uint32_t size)
{
	uint32_t room = INFO_SIZE, *argsz = NULL;

	for (;;) {
		argsz = realloc(argsz, room);
		if (!argsz)
			die("no memory");
		memset(argsz, 0, room);
		memcpy(argsz, ask, size);
		*argsz = room;
		must(ioctl(device, request, argsz), "asking the device about itself");
		if (*argsz <= room)
			return argsz;
		room = *argsz;
	}
}

static const void *find_cap(const void *info, uint32_t at, uint16_t id)
{
	const struct vfio_info_cap_header *header;

	for (; at; at = header->next) {
		header = info + at;
		if (header->id == id)
			return header;
	}
	die("the driver does not say what this VMM needs to know (capability %u)", id);
}

static struct vfio_region_info *region_info(struct vmm *vmm, uint32_t index, struct region *region)
{
	const struct vfio_region_info ask = { .index = index };
	struct vfio_region_info *info =
		get_info(vmm->device, VFIO_DEVICE_GET_REGION_INFO, &ask, sizeof(ask));

	region->offset = info->offset;
	region->size = info->size;
	return info;
}

static uint32_t config_read32(struct vmm *vmm, uint32_t at)
{
	uint32_t value;

	if (pread(vmm->device, &value, sizeof(value), vmm->config.offset + at) != sizeof(value))
		die("reading configuration space at %#x: %m", at);
	return value;
}

/* 0 if there is none. */
static uint32_t find_pci_cap(struct vmm *vmm, uint8_t id)
{
	uint32_t at, header;

	for (at = config_read32(vmm, PCI_CAPABILITY_LIST) & 0xfc; at; at = header >> 8 & 0xfc) {
		header = config_read32(vmm, at);
		if ((header & 0xff) == id)
			return at;
	}
	return 0;
}

static uint32_t find_dvsec(struct vmm *vmm, uint16_t id)
{
	uint32_t at, header;

	for (at = PCI_CFG_SPACE_SIZE; at; at = PCI_EXT_CAP_NEXT(header)) {
		header = config_read32(vmm, at);
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DVSEC &&
		    (config_read32(vmm, at + PCI_DVSEC_HEADER1) & 0xffff) == CXLR_VENDOR_ID &&
		    (config_read32(vmm, at + PCI_DVSEC_HEADER2) & 0xffff) == id)
			return at;
	}
	die("the device has no CXL DVSEC %u", id);
}

static struct vfio_device_info_cap_cxl cxl_cap(struct vmm *vmm, const char *address)
{
	const struct vfio_device_info ask = { };
	struct vfio_device_info *info =
		get_info(vmm->device, VFIO_DEVICE_GET_INFO, &ask, sizeof(ask));
	struct vfio_device_info_cap_cxl cap;

	if (!(info->flags & VFIO_DEVICE_FLAGS_CXL))
		die("%s has no CXL memory to offer: it is an ordinary VFIO device", address);
	memcpy(&cap, find_cap(info, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL), sizeof(cap));
	free(info);
	return cap;
}

static void find_registers(struct vmm *vmm, uint32_t index)
{
	struct vfio_region_info *info = region_info(vmm, index, &vmm->regs);
	const struct vfio_cxl_region_cap_registers *cap =
		find_cap(info, info->cap_offset, VFIO_CXL_REGION_CAP_REGISTERS);

	vmm->cm = cap->offset;
	vmm->hdm = cap->hdm_offset;
	vmm->bar_reg = PCI_BASE_ADDRESS_0 + 4 * cap->bar;
	free(region_info(vmm, VFIO_PCI_BAR0_REGION_INDEX + cap->bar, &vmm->bar));
	free(info);
}

static void find_memory(struct vmm *vmm, uint32_t index)
{
	struct vfio_region_info *info = region_info(vmm, index, &vmm->mem);
	const struct vfio_cxl_region_cap_memory *cap =
		find_cap(info, info->cap_offset, VFIO_CXL_REGION_CAP_MEMORY);

	if (!(cap->flags & VFIO_CXL_MEM_COMMITTED))
		die("the device has lost its memory in a reset; the kernel log says more");
	vmm->map_align = cap->map_align;
	free(info);
}

static void find_regions(struct vmm *vmm, const char *address)
{
	struct vfio_device_info_cap_cxl cap = cxl_cap(vmm, address);

	find_registers(vmm, cap.comp_regs_region_index);
	find_memory(vmm, cap.dpa_region_index);
	free(region_info(vmm, VFIO_PCI_CONFIG_REGION_INDEX, &vmm->config));
	vmm->pm = find_pci_cap(vmm, PCI_CAP_ID_PM);
	vmm->pcie = find_pci_cap(vmm, PCI_CAP_ID_EXP);
	vmm->dvsec = find_dvsec(vmm, CXLR_DVSEC_ID_DEVICE);
	printf("%s: %llu MiB of memory, mapped in pieces of up to %llu KiB; registers in BAR %u at %#llx\n",
	       address, (unsigned long long)vmm->mem.size >> 20,
	       (unsigned long long)vmm->map_align >> 10, cap.hdm_regs_bar_index,
	       (unsigned long long)vmm->cm);
}

/* ---- Map: the memory, and what of the guest is the VMM's own ---- */

/* Large mappings need user address, host address and GPA to be alike modulo their size. */
static void map_memory(struct vmm *vmm)
{
	size_t align = vmm->map_align;
	char *room = mmap(NULL, vmm->mem.size + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		die("no address space: %m");
	room += -(uintptr_t)room & (align - 1);
	vmm->memory = mmap(room, vmm->mem.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			   vmm->device, vmm->mem.offset);
	if (vmm->memory == MAP_FAILED)
		die("mapping the device's memory: %m");
}

/* A slot of size 0 is a slot that goes. */
static void set_slot(struct vmm *vmm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	must(ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region), "memory slot");
}

/* False if memory of the device's cannot be touched at present. */
static bool map_dma(struct vmm *vmm, uint64_t gpa, uint64_t size, void *memory)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory, .iova = gpa, .size = size,
	};

	if (!ioctl(vmm->container, VFIO_IOMMU_MAP_DMA, &map))
		return true;
	if (errno != EFAULT)
		die("DMA mapping of %#llx bytes at %#llx: %m", map.size, map.iova);
	return false;
}

static void unmap_dma(struct vmm *vmm, uint64_t gpa, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = gpa, .size = size,
	};

	must(ioctl(vmm->container, VFIO_IOMMU_UNMAP_DMA, &unmap), "end of a DMA mapping");
}

/* Ordinary RAM, in the guest and for DMA alike. */
void add_ram(struct vmm *vmm)
{
	set_slot(vmm, RAM_SLOT, 0, RAM_SIZE, vmm->ram);
	if (!map_dma(vmm, 0, RAM_SIZE, vmm->ram))
		die("DMA mapping of the guest's RAM: %m");
}

/* ---- Follow: the memory is in the guest where the virtual decoder says ---- */

static void take_away(struct vmm *vmm)
{
	if (!vmm->at.size)
		return;
	set_slot(vmm, CXL_SLOT, vmm->at.gpa, 0, NULL);
	unmap_dma(vmm, vmm->at.gpa, vmm->at.size);
	vmm->at = (struct place) { };
	printf("        memory taken out of the guest\n");
}

/* Access may have ended since the device was asked: then an event of that is there, or comes. */
static void put(struct vmm *vmm, struct place place)
{
	char *memory = vmm->memory + place.dpa;

	if (!map_dma(vmm, place.gpa, place.size, memory))
		return;
	set_slot(vmm, CXL_SLOT, place.gpa, place.size, memory);
	vmm->at = place;
	printf("        memory put into the guest at %#llx\n", (unsigned long long)place.gpa);
}

static void print_event(const struct vfio_cxl_event *event)
{
	static const char * const names[] = {
		[VFIO_CXL_EVENT_COMMITTED] = "committed",
		[VFIO_CXL_EVENT_DECOMMITTED] = "decommitted",
		[VFIO_CXL_EVENT_RESET_BEGIN] = "reset begins",
		[VFIO_CXL_EVENT_RESET_END] = "reset has ended",
		[VFIO_CXL_EVENT_ENABLE] = "enable",
		[VFIO_CXL_EVENT_ACCESS] = "access",
	};

	if (event->type < sizeof(names) / sizeof(*names) && names[event->type])
		printf("        event %llu: %s, base %#llx\n", (unsigned long long)event->seq,
		       names[event->type], (unsigned long long)event->base);
}

/*
 * The state of now. The events that led to it leave the queue, which makes
 * room for the device to tell more; this VMM only prints them.
 */
static void get_state(struct vmm *vmm, struct vfio_device_feature_cxl_events *now)
{
	_Alignas(8) char buf[sizeof(struct vfio_device_feature) +
			     sizeof(struct vfio_device_feature_cxl_events) +
			     EVENTS * sizeof(struct vfio_cxl_event)];
	struct vfio_device_feature *header = (void *)buf;
	struct vfio_device_feature_cxl_events *state = (void *)header->data;
	unsigned int i;

	do {
		header->argsz = sizeof(buf);
		header->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_CXL_EVENTS;
		state->event_size = sizeof(*state->events);
		must(ioctl(vmm->device, VFIO_DEVICE_FEATURE, header), "the device's state");
		for (i = 0; i < state->nr_events; i++)
			print_event(&state->events[i]);
		if (state->flags & VFIO_CXL_STATE_LOST)
			printf("        events were lost; the state is right all the same\n");
	} while (state->flags & VFIO_CXL_STATE_MORE);
	*now = *state;
}

/*
 * Where the memory belongs. What hardware asks for before it answers CXL.mem:
 * Mem_Enable, HDM Decoder Enable, a committed decoder, an address that is
 * routed there; and the driver's word that it may be touched. After a CXL
 * Reset that failed, or while one is about to begin, the guest does without.
 */
static struct place decoded(struct vmm *vmm)
{
	const uint32_t need = VFIO_CXL_STATE_COMMITTED | VFIO_CXL_STATE_HDM_ENABLED |
			      VFIO_CXL_STATE_MEM_ENABLED | VFIO_CXL_STATE_ACCESSIBLE;
	const uint32_t never = VFIO_CXL_STATE_RESET_REQUESTED | VFIO_CXL_STATE_RESET_FAILED;
	struct vfio_device_feature_cxl_events state;

	get_state(vmm, &state);
	vmm->accessible = state.flags & VFIO_CXL_STATE_ACCESSIBLE;
	if (vmm->hold || (state.flags & (need | never)) != need)
		return (struct place) { };
	/* A guest may program anything, also what would cover its own RAM. */
	if (state.base < WINDOW_GPA || state.base > WINDOW_END ||
	    state.size > WINDOW_END - state.base)
		return (struct place) { };
	return (struct place) { state.base, state.size, state.dpa };
}

/* By the state, never by what an event says: more may have happened since. */
static void follow(struct vmm *vmm)
{
	struct place place = decoded(vmm);

	pthread_cond_broadcast(&vmm->followed);
	if (!memcmp(&place, &vmm->at, sizeof(place)))
		return;
	take_away(vmm);
	if (place.size)
		put(vmm, place);
}

/* A reset may have left the memory inactive; an event tells when it is active. */
static void await_memory(struct vmm *vmm)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ACTIVE_S;
	pthread_mutex_lock(&vmm->lock);
	while (!vmm->accessible && !pthread_cond_timedwait(&vmm->followed, &vmm->lock, &end))
		;
	pthread_mutex_unlock(&vmm->lock);
}

static void lock_and_follow(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	follow(vmm);
	pthread_mutex_unlock(&vmm->lock);
}

static void *watch(void *arg)
{
	struct vmm *vmm = arg;
	uint64_t count;
	bool stop;

	do {
		must(read(vmm->events, &count, sizeof(count)), "waiting for events");
		pthread_mutex_lock(&vmm->lock);
		stop = vmm->stop;
		if (!stop)
			follow(vmm);
		pthread_mutex_unlock(&vmm->lock);
	} while (!stop);
	return NULL;
}

static void start_watching(struct vmm *vmm)
{
	_Alignas(8) char buf[sizeof(struct vfio_device_feature) +
			     sizeof(struct vfio_device_feature_cxl_events)] = { };
	struct vfio_device_feature *header = (void *)buf;
	struct vfio_device_feature_cxl_events *set = (void *)header->data;

	vmm->events = must(eventfd(0, EFD_CLOEXEC), "eventfd");
	header->argsz = sizeof(buf);
	header->flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	set->eventfd = vmm->events;
	must(ioctl(vmm->device, VFIO_DEVICE_FEATURE, header), "asking for events");
	pthread_mutex_init(&vmm->lock, NULL);
	pthread_cond_init(&vmm->followed, NULL);
	if (pthread_create(&vmm->thread, NULL, watch, vmm))
		die("no thread");
}

/* ---- Forward: what the guest reads and writes of the device's registers ---- */

/* Memory Space Enable, Initiate CXL Reset, power state, Initiate FLR. */
static bool may_end_access(const struct vmm *vmm, uint64_t at, size_t len)
{
	const uint32_t regs[] = {
		PCI_COMMAND, vmm->dvsec + CXLR_DVSEC_CTRL2,
		vmm->pm + PCI_PM_CTRL, vmm->pcie + PCI_EXP_DEVCTL,
	};
	unsigned int i;

	for (i = 0; i < sizeof(regs) / sizeof(*regs); i++)
		if (at < regs[i] + 2 && regs[i] < at + len)
			return true;
	return false;
}

/*
 * What may end access to the memory finds it taken out of the guest already.
 * Whatever a write leads to has happened to the guest when this returns.
 */
static bool write_device(struct vmm *vmm, const struct region *region, uint64_t at,
			 const void *data, size_t len)
{
	bool ends = region == &vmm->config && may_end_access(vmm, at, len);
	ssize_t ret;

	pthread_mutex_lock(&vmm->lock);
	for (;;) {
		if (ends)
			take_away(vmm);
		ret = pwrite(vmm->device, data, len, region->offset + at);
		if (ret >= 0 || errno != EAGAIN)
			break;
		/* The event queue is full. This empties it. */
		follow(vmm);
	}
	follow(vmm);
	pthread_mutex_unlock(&vmm->lock);
	return ret == (ssize_t)len;
}

static bool read_device(struct vmm *vmm, const struct region *region, uint64_t at,
			void *data, size_t len)
{
	return pread(vmm->device, data, len, region->offset + at) == (ssize_t)len;
}

/* A VMM that is in a hurry makes memory slots of what of the BAR can be mapped. */
static void place_windows(struct vmm *vmm)
{
	uint64_t end = vmm->cm + vmm->regs.size;

	if (vmm->bar.size > BAR_MAX)
		die("the BAR is larger than this guest has room for");
	vmm->windows[0] = (struct window) { CONFIG_GPA, CONFIG_SIZE, &vmm->config, 0 };
	vmm->windows[1] = (struct window) { BAR_GPA + vmm->cm, vmm->regs.size, &vmm->regs, 0 };
	vmm->windows[2] = (struct window) { BAR_GPA, vmm->cm, &vmm->bar, 0 };
	vmm->windows[3] = (struct window) { BAR_GPA + end, vmm->bar.size - end, &vmm->bar, end };
}

/* Ones from where nothing is, and from what takes no such access; such writes are lost. */
void forward(struct vmm *vmm, uint64_t gpa, void *data, size_t len, bool write)
{
	unsigned int i;

	for (i = 0; i < sizeof(vmm->windows) / sizeof(*vmm->windows); i++) {
		const struct window *window = &vmm->windows[i];
		uint64_t at = gpa - window->gpa;

		if (gpa < window->gpa || at >= window->size)
			continue;
		if (write)
			write_device(vmm, window->region, window->at + at, data, len);
		else if (read_device(vmm, window->region, window->at + at, data, len))
			return;
		break;
	}
	if (!write)
		memset(data, 0xff, len);
}

/* ---- Be the firmware: place the BAR, the memory, enable both ---- */

uint32_t hdm_read(struct vmm *vmm, uint32_t reg)
{
	uint32_t value;

	if (!read_device(vmm, &vmm->regs, vmm->hdm + reg, &value, sizeof(value)))
		die("reading the HDM decoder's register %#x: %m", reg);
	return value;
}

void hdm_write(struct vmm *vmm, uint32_t reg, uint32_t value)
{
	if (!write_device(vmm, &vmm->regs, vmm->hdm + reg, &value, sizeof(value)))
		die("writing the HDM decoder's register %#x: %m", reg);
}

static void config_write(struct vmm *vmm, uint32_t at, uint32_t value, size_t len)
{
	if (!write_device(vmm, &vmm->config, at, &value, len))
		die("writing configuration space at %#x: %m", at);
}

static void place_bar(struct vmm *vmm)
{
	uint32_t low = config_read32(vmm, vmm->bar_reg);

	config_write(vmm, vmm->bar_reg, (uint32_t)BAR_GPA, 4);
	if (low & PCI_BASE_ADDRESS_MEM_TYPE_64)
		config_write(vmm, vmm->bar_reg + 4, BAR_GPA >> 32, 4);
	config_write(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* 8.2.4.20.12. The size is the whole region's from the start; a guest may want less. */
static bool commit_decoder(struct vmm *vmm, uint64_t gpa, bool lock)
{
	uint32_t ctrl = hdm_read(vmm, CXLR_HDM_CTRL(0)) | CXLR_HDM_CTRL_COMMIT;

	hdm_write(vmm, CXLR_HDM_BASE_LOW(0), gpa);
	hdm_write(vmm, CXLR_HDM_BASE_HIGH(0), gpa >> 32);
	hdm_write(vmm, CXLR_HDM_CTRL(0), ctrl | (lock ? CXLR_HDM_CTRL_LOCK : 0));
	return hdm_read(vmm, CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_COMMITTED;
}

static void firmware(struct vmm *vmm, uint64_t gpa, bool lock)
{
	uint32_t ctrl;

	place_bar(vmm);
	check(vmm, commit_decoder(vmm, gpa, lock), "decoder committed at %#llx%s",
	      (unsigned long long)gpa, lock ? ", and locked" : "");
	hdm_write(vmm, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	ctrl = config_read32(vmm, vmm->dvsec + CXLR_DVSEC_CTRL) & 0xffff;
	config_write(vmm, vmm->dvsec + CXLR_DVSEC_CTRL, ctrl | CXLR_CTRL_MEM_ENABLE, 2);
	await_memory(vmm);
	check(vmm, is_at(vmm, gpa), "the memory is in the guest there");
}

/* ---- Reset, faults, and the end ---- */

/* No vCPU runs. Nothing may reach the memory while it is in reset: not by DMA either. */
static void hold(struct vmm *vmm, bool on)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->hold = on;
	follow(vmm);
	pthread_mutex_unlock(&vmm->lock);
}

/*
 * EAGAIN: the event queue is full. EBUSY: another process resets or unbinds the
 * device, which may last.
 */
static void reset_device(struct vmm *vmm)
{
	unsigned int tries;

	for (tries = 0; ioctl(vmm->device, VFIO_DEVICE_RESET); tries++) {
		if ((errno != EAGAIN && errno != EBUSY) || tries == RESET_TRIES)
			die("resetting the device: %m");
		lock_and_follow(vmm);
		usleep(10000);
	}
}

static void reset_machine(struct vmm *vmm)
{
	const uint32_t left = CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_LOCK;

	hold(vmm, true);
	reset_device(vmm);
	hold(vmm, false);
	check(vmm, !(hdm_read(vmm, CXLR_HDM_CTRL(0)) & left) && is_nowhere(vmm),
	      "machine reset: no decoder is committed or locked");
}

/*
 * KVM met memory that cannot be touched: somebody else's reset has begun, or
 * it is not active. Until it can be touched it is not there.
 */
void faulted(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	take_away(vmm);
	follow(vmm);
	pthread_mutex_unlock(&vmm->lock);
}

/* A mapping keeps the device open, so that goes before the file. */
static void close_machine(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->stop = true;
	pthread_mutex_unlock(&vmm->lock);
	eventfd_write(vmm->events, 1);
	pthread_join(vmm->thread, NULL);
	hold(vmm, true);
	close(vmm->vcpu);
	close(vmm->vm);
	close(vmm->kvm);
	unmap_dma(vmm, 0, RAM_SIZE);
	munmap(vmm->memory, vmm->mem.size);
	close(vmm->device);
	close(vmm->group);
	close(vmm->container);
	close(vmm->events);
}

int main(int argc, char **argv)
{
	struct vmm vmm = { };

	if (argc != 2 || *argv[1] == '-') {
		fprintf(stderr, "usage: vmm PCI-ADDRESS, for example: vmm 0000:11:00.0\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_sigbus();

	open_device(&vmm, argv[1]);
	find_regions(&vmm, argv[1]);
	map_memory(&vmm);
	place_windows(&vmm);
	make_machine(&vmm);
	start_watching(&vmm);
	check_full_queue(&vmm);

	firmware(&vmm, vmm.params->place[0], false);
	run_guest(&vmm);
	reset_machine(&vmm);
	vmm.params->seed++;
	firmware(&vmm, vmm.params->place[0], true);
	run_guest(&vmm);
	reset_machine(&vmm);

	close_machine(&vmm);
	printf("%u checks, %u failed\n", vmm.checks, vmm.failed);
	return !!vmm.failed;
}
