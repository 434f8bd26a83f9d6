// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "vfio.h"
#include "vfiocxl.h"

/* As long as any device of the lab takes. */
#define ACCESSIBLE_MS	20000

static int __ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static void must(int ret, const char *what)
{
	check_msg(ret >= 0, "%s: %s", what, strerror(-ret));
}

static int __open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The error of the first step that fails. */
static int open_group(struct vfio *vfio)
{
	char path[128], group[64];
	int ret;

	pci_link(pci_accel(), "iommu_group", group, sizeof(group));
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	vfio->iommu = __open("/dev/vfio/vfio");
	if (vfio->iommu < 0)
		return vfio->iommu;
	vfio->group = __open(path);
	if (vfio->group < 0)
		return vfio->group;
	ret = __ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->iommu);
	if (ret >= 0)
		ret = __ioctl(vfio->iommu, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU);
	if (ret < 0)
		return ret;
	vfio->device = __ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, (void *)pci_accel());
	return vfio->device;
}

static int cdev_path(char *path, size_t size)
{
	DIR *dir = opendir(pci_path(pci_accel(), "vfio-dev"));
	struct dirent *entry;

	*path = '\0';
	if (!dir)
		return -ENODEV;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(path, size, "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
	return *path ? 0 : -ENODEV;
}

static int open_cdev(struct vfio *vfio)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = offsetof(struct vfio_device_bind_iommufd, token_uuid_ptr),
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = offsetof(struct vfio_device_attach_iommufd_pt, pasid),
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	char path[512];
	int ret;

	ret = cdev_path(path, sizeof(path));
	if (ret)
		return ret;
	vfio->iommu = __open("/dev/iommu");
	if (vfio->iommu < 0)
		return vfio->iommu;
	vfio->device = __open(path);
	if (vfio->device < 0)
		return vfio->device;
	bind.iommufd = vfio->iommu;
	ret = __ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (ret >= 0)
		ret = __ioctl(vfio->iommu, IOMMU_IOAS_ALLOC, &alloc);
	vfio->ioas = alloc.out_ioas_id;
	attach.pt_id = vfio->ioas;
	if (ret >= 0)
		ret = __ioctl(vfio->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	return ret;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void set_region(struct vfio_region *region, const struct vfio_region_info *info)
{
	region->index = info->index;
	region->flags = info->flags;
	region->size = info->size;
	region->offset = info->offset;
}

/* By type, as a VMM that does not know the device capability would. */
static void find_cxl_region(struct vfio *vfio, uint32_t subtype, struct vfio_region *region)
{
	const uint32_t type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | VFIO_CXL_PCI_VENDOR_ID;
	struct vfio_device_info *device = vfio_device_info(vfio);
	unsigned int i, found = 0;

	for (i = VFIO_PCI_NUM_REGIONS; i < device->num_regions; i++) {
		struct vfio_region_info *info = vfio_region_info(vfio, i);
		const struct vfio_region_info_cap_type *cap =
			vfio_region_cap(info, VFIO_REGION_INFO_CAP_TYPE);

		if (cap && cap->type == type && cap->subtype == subtype) {
			set_region(region, info);
			found++;
		}
		free(info);
	}
	free(device);
	check_eq(found, 1);
}

static void find_region(struct vfio *vfio, uint32_t index, struct vfio_region *region)
{
	struct vfio_region_info *info = vfio_region_info(vfio, index);

	set_region(region, info);
	free(info);
}

/* Give an attribute of the device a value, if it has another one. */
static void set_attribute(const char *name, const char *value, const char *current)
{
	char *now = read_file(pci_path(pci_accel(), name));

	if (!strstr(now, current))
		write_file(pci_path(pci_accel(), name), value);
	free(now);
}

static void set_backing(const char *backing)
{
	char name[32], current[40], size[32];
	const char *colon = strchr(backing, ':');
	unsigned long folio = colon ? strtoul(colon + 1, NULL, 0) : 0;
	const char *type1 = colon && !folio ? colon + 1 : "allow";

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(backing, ":"), backing);
	/* What the tests before this one mapped is nobody's any more. */
	if (colon)
		pci_forget_type1();
	if (folio) {
		snprintf(size, sizeof(size), "%lu\n", folio);
		set_attribute("folio_size", size, size);
	}
	snprintf(current, sizeof(current), "[%s]", type1);
	set_attribute("type1_dma", type1, current);
	snprintf(current, sizeof(current), "[%s]", name);
	set_attribute("backing", name, current);
}

/* False if a reset has lost the memory. */
static bool find_backing(struct vfio *vfio)
{
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->mem.index);
	const struct vfio_cxl_region_cap_memory *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);
	bool committed;

	check(cap);
	vfio->backing = cap->backing;
	vfio->granule = cap->backing == VFIO_CXL_BACKING_FOLIO ? cap->map_align : PAGE;
	committed = cap->flags & VFIO_CXL_MEM_COMMITTED;
	free(info);
	return committed;
}

int __vfio_open_device(struct vfio *vfio)
{
	int ret;

	*vfio = (struct vfio) { .device = -1, .iommu = -1, .group = -1 };
	ret = interface == INTERFACE_CDEV ? open_cdev(vfio) : open_group(vfio);
	if (ret >= 0)
		return 0;
	close_if_open(vfio->device);
	close_if_open(vfio->group);
	close_if_open(vfio->iommu);
	return ret;
}

static void open_any(struct vfio *vfio)
{
	must(__vfio_open_device(vfio), "opening the device");
	find_region(vfio, VFIO_PCI_CONFIG_REGION_INDEX, &vfio->config);
}

void vfio_open_bar(struct vfio *vfio, unsigned int bar)
{
	open_any(vfio);
	find_region(vfio, VFIO_PCI_BAR0_REGION_INDEX + bar, &vfio->mem);
	vfio->granule = PAGE;
}

/* To ask for events, if only for none: from now on the driver offers a CXL Reset. */
static void know_cxl_resets(struct vfio *vfio)
{
	struct {
		struct vfio_device_feature header;
		struct vfio_device_feature_cxl_events none;
	} feature = {
		.header.argsz = sizeof(feature),
		.header.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_CXL_EVENTS,
		.none.eventfd = -1,
	};

	must(__ioctl(vfio->device, VFIO_DEVICE_FEATURE, &feature), "asking for events");
}

void vfio_open(struct vfio *vfio)
{
	const struct vfio_cxl_region_cap_registers *cap;
	struct vfio_region_info *info;
	bool lost;
	int ret;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	if (getenv("VFIO_BACKING"))
		set_backing(getenv("VFIO_BACKING"));
	open_any(vfio);

	find_cxl_region(vfio, VFIO_REGION_SUBTYPE_CXL, &vfio->mem);
	find_cxl_region(vfio, VFIO_REGION_SUBTYPE_CXL_COMP_REGS, &vfio->regs);
	info = vfio_region_info(vfio, vfio->regs.index);
	cap = vfio_region_cap(info, VFIO_CXL_REGION_CAP_REGISTERS);
	check(cap);
	find_region(vfio, VFIO_PCI_BAR0_REGION_INDEX + cap->bar, &vfio->bar);
	free(info);
	lost = !find_backing(vfio);
	know_cxl_resets(vfio);
	ret = vfio_cxl_wait_accessible(vfio->device, -1, lost ? 0 : ACCESSIBLE_MS);
	must(lost ? 0 : ret, "the wait for the memory");
}

void vfio_close(struct vfio *vfio)
{
	close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	close(vfio->iommu);
}

int __vfio_device_info(struct vfio *vfio, void *info, uint32_t argsz)
{
	*(uint32_t *)info = argsz;
	return __ioctl(vfio->device, VFIO_DEVICE_GET_INFO, info);
}

struct vfio_device_info *vfio_device_info(struct vfio *vfio)
{
	uint32_t size = sizeof(struct vfio_device_info);
	struct vfio_device_info *info = calloc(1, size);

	must(__vfio_device_info(vfio, info, size), "device info");
	if (info->argsz > size) {
		size = info->argsz;
		free(info);
		info = calloc(1, size);
		must(__vfio_device_info(vfio, info, size), "device info");
	}
	check_eq(info->argsz, size);
	return info;
}

int __vfio_region_info(struct vfio *vfio, uint32_t index, void *info, uint32_t argsz)
{
	struct vfio_region_info *region = info;

	region->argsz = argsz;
	region->index = index;
	return __ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, region);
}

struct vfio_region_info *vfio_region_info(struct vfio *vfio, uint32_t index)
{
	uint32_t size = sizeof(struct vfio_region_info);
	struct vfio_region_info *info = calloc(1, size);

	must(__vfio_region_info(vfio, index, info, size), "region info");
	if (info->argsz > size) {
		size = info->argsz;
		free(info);
		info = calloc(1, size);
		must(__vfio_region_info(vfio, index, info, size), "region info");
	}
	return info;
}

const void *vfio_cap(const void *info, uint32_t argsz, uint32_t offset, uint16_t id)
{
	const struct vfio_info_cap_header *header;
	unsigned int links;

	for (links = 0; offset; links++, offset = header->next) {
		check_lt(links, 64);
		check_eq(offset % 8, 0);
		check_le(offset + sizeof(*header), argsz);
		header = info + offset;
		if (header->id == id)
			return header;
	}
	return NULL;
}

const void *vfio_region_cap(const struct vfio_region_info *info, uint16_t id)
{
	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;
	return vfio_cap(info, info->argsz, info->cap_offset, id);
}

ssize_t __vfio_read(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		    void *buf, size_t len)
{
	ssize_t ret = pread(vfio->device, buf, len, region->offset + offset);

	return ret < 0 ? -errno : ret;
}

ssize_t __vfio_write(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		     const void *buf, size_t len)
{
	ssize_t ret = pwrite(vfio->device, buf, len, region->offset + offset);

	return ret < 0 ? -errno : ret;
}

void vfio_read(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
	       void *buf, size_t len)
{
	ssize_t ret = __vfio_read(vfio, region, offset, buf, len);

	check_msg(ret == (ssize_t)len, "read of %#zx bytes at %#llx of region %u gives %zd", len,
		  (unsigned long long)offset, region->index, ret);
}

void vfio_write(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		const void *buf, size_t len)
{
	ssize_t ret = __vfio_write(vfio, region, offset, buf, len);

	check_msg(ret == (ssize_t)len, "write of %#zx bytes at %#llx of region %u gives %zd", len,
		  (unsigned long long)offset, region->index, ret);
}

uint32_t vfio_read32(struct vfio *vfio, const struct vfio_region *region, uint64_t offset)
{
	uint32_t value;

	vfio_read(vfio, region, offset, &value, sizeof(value));
	return value;
}

void *vfio_reserve(size_t len, uint64_t align)
{
	uint8_t *space = mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check_ne(space, MAP_FAILED);
	return (void *)(((uintptr_t)space + align - 1) / align * align);
}

int __vfio_mmap(struct vfio *vfio, const struct vfio_region *region, uint64_t offset, size_t len,
		void **address)
{
	uint64_t align = region->index == vfio->mem.index ? vfio->granule : PAGE;
	void *where = NULL;
	int flags = MAP_SHARED;

	if (align > PAGE) {
		where = vfio_reserve(len, align);
		flags |= MAP_FIXED;
	}
	*address = mmap(where, len, PROT_READ | PROT_WRITE, flags, vfio->device,
			region->offset + offset);
	return *address == MAP_FAILED ? -errno : 0;
}

void *vfio_mmap(struct vfio *vfio, const struct vfio_region *region, uint64_t offset, size_t len)
{
	void *address;

	must(__vfio_mmap(vfio, region, offset, len, &address), "mmap");
	return address;
}

uint8_t *vfio_mmap_at(struct vfio *vfio, uint64_t offset, size_t len, size_t shift)
{
	uint8_t *start = (uint8_t *)vfio_reserve(len + shift, GIB) + shift;
	void *address = mmap(start, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     vfio->device, vfio->mem.offset + offset);

	check_eq(address, start);
	return address;
}

uint8_t *vfio_mmap_leaf(struct vfio *vfio, size_t leaf)
{
	size_t len = leaf > 4 * MIB ? leaf : 4 * MIB;

	if (vfio->granule != leaf && vfio->backing == VFIO_CXL_BACKING_FOLIO)
		return NULL;
	/* Of the others, leaves are as large as address and offset agree, and as fits. */
	return vfio_mmap_at(vfio, 0, len, leaf == PAGE ? PAGE : 0);
}

void vfio_enable(struct vfio *vfio, bool memory, bool master)
{
	uint16_t command;

	vfio_read(vfio, &vfio->config, PCI_COMMAND, &command, sizeof(command));
	command &= ~(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	command |= (memory ? PCI_COMMAND_MEMORY : 0) | (master ? PCI_COMMAND_MASTER : 0);
	vfio_write(vfio, &vfio->config, PCI_COMMAND, &command, sizeof(command));
}

int __vfio_dma_map(struct vfio *vfio, void *address, size_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)address,
		.iova = iova,
		.size = len,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.user_va = (uintptr_t)address,
		.iova = iova,
		.length = len,
	};

	if (vfio->group >= 0)
		return __ioctl(vfio->iommu, VFIO_IOMMU_MAP_DMA, &type1);
	return __ioctl(vfio->iommu, IOMMU_IOAS_MAP, &ioas);
}

void vfio_dma_map(struct vfio *vfio, void *address, size_t len, uint64_t iova)
{
	must(__vfio_dma_map(vfio, address, len, iova), "DMA mapping");
}

void vfio_dma_unmap(struct vfio *vfio, uint64_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap type1 = {
		.argsz = sizeof(type1), .iova = iova, .size = len,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas), .ioas_id = vfio->ioas, .iova = iova, .length = len,
	};

	if (vfio->group >= 0)
		must(__ioctl(vfio->iommu, VFIO_IOMMU_UNMAP_DMA, &type1), "DMA unmapping");
	else
		must(__ioctl(vfio->iommu, IOMMU_IOAS_UNMAP, &ioas), "DMA unmapping");
}

int __vfio_set_eventfds(struct vfio *vfio, uint32_t index, const int *eventfds,
			unsigned int count)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*eventfds);
	struct vfio_irq_set *set = calloc(1, size);
	int ret;

	set->argsz = size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->count = count;
	memcpy(set->data, eventfds, count * sizeof(*eventfds));
	ret = __ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

static void set_eventfds(struct vfio *vfio, uint32_t index, const int *eventfds, unsigned int count)
{
	must(__vfio_set_eventfds(vfio, index, eventfds, count), "eventfds for interrupts");
}

int vfio_event(struct vfio *vfio, uint32_t index)
{
	int event = eventfd(0, EFD_CLOEXEC);

	must(event < 0 ? -errno : 0, "eventfd");
	set_eventfds(vfio, index, &event, 1);
	return event;
}

bool vfio_event_met(int event)
{
	struct pollfd wait = { .fd = event, .events = POLLIN };
	uint64_t count;

	return poll(&wait, 1, 60000) == 1 && read(event, &count, sizeof(count)) == sizeof(count);
}

void vfio_msix(struct vfio *vfio, const int *eventfds, unsigned int count)
{
	set_eventfds(vfio, VFIO_PCI_MSIX_IRQ_INDEX, eventfds, count);
}

int __vfio_reset(struct vfio *vfio)
{
	return __ioctl(vfio->device, VFIO_DEVICE_RESET, NULL);
}

int __vfio_hot_reset(struct vfio *vfio)
{
	/* With a cdev, the devices that its owner has opened are found by the kernel. */
	unsigned int groups = vfio->group >= 0 ? 1 : 0;
	struct vfio_pci_hot_reset *reset;
	size_t size = sizeof(*reset) + sizeof(int32_t);
	int ret;

	reset = calloc(1, size);
	reset->argsz = size;
	reset->count = groups;
	reset->group_fds[0] = vfio->group;
	ret = __ioctl(vfio->device, VFIO_DEVICE_PCI_HOT_RESET, reset);
	free(reset);
	return ret;
}

/*
 * A hot reset does not wait for the device's locks, of which a fault has one:
 * it says EBUSY and is to be tried again. Whoever has the lock may be off its
 * CPU, so that trying without a pause only takes the time that it needs.
 */
void vfio_hot_reset(struct vfio *vfio)
{
	unsigned int tries = 1;
	int ret;

	while ((ret = __vfio_hot_reset(vfio)) == -EBUSY && tries < 20000) {
		usleep(1000);
		tries++;
	}
	if (tries > 1)
		note("%u tries", tries);
	check_eq(ret, 0);
}

void vfio_set_power(struct vfio *vfio, uint16_t state)
{
	const uint8_t pm = 0x40;	/* docs/accelerator.md */
	uint16_t control;

	vfio_read(vfio, &vfio->config, pm + PCI_PM_CTRL, &control, sizeof(control));
	control = (control & ~PCI_PM_CTRL_STATE_MASK) | state;
	vfio_write(vfio, &vfio->config, pm + PCI_PM_CTRL, &control, sizeof(control));
}
