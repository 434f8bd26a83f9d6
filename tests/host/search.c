// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cxl_regs.h"
#include "harness.h"
#include "qmp.h"
#include "regs.h"
#include "search.h"

void search_init(struct search *search)
{
	search->base = qmp_get("hdm0-base");
	search->end = search->base + qmp_get("hdm0-size");
	check(search->base & CXLR_HDM_LOW_MASK && search->base >> 32);
	check(search->end & CXLR_HDM_LOW_MASK && search->end >> 32);
}

static bool is_pair(uint32_t low, uint32_t high, uint32_t mask, uint64_t address)
{
	return (low & mask) == ((uint32_t)address & mask) && high == address >> 32;
}

bool search_words(const struct search *search, const uint32_t *words, size_t count, size_t *where)
{
	const uint32_t whole = 0xffffffff;
	const struct {
		uint64_t address;
		uint32_t mask;
	} wanted[] = {
		/* The other bits of a base register may be anything. */
		{ search->base, CXLR_HDM_LOW_MASK },
		{ search->end, whole },
		{ search->end - 1, whole },
	};
	size_t i, n;

	for (i = 0; i + 1 < count; i++)
		for (n = 0; n < ARRAY_SIZE(wanted); n++)
			if (is_pair(words[i], words[i + 1], wanted[n].mask, wanted[n].address) ||
			    is_pair(words[i + 1], words[i], wanted[n].mask, wanted[n].address)) {
				*where = i * 4;
				return true;
			}
	return false;
}

static void check_without(const struct search *search, const void *data, size_t size,
			  const char *what, unsigned int index, const char *when)
{
	size_t where;

	check_msg(!search_words(search, data, size / 4, &where),
		  "%s, %s %u has the host's address at %#zx", when, what, index, where);
}

/* The register region takes accesses of one register, others of any length. */
static void read_region(struct vfio *vfio, const struct vfio_region *region, uint8_t *data)
{
	size_t size = region->index == vfio->regs.index ? 4 :
		      region->index == vfio->config.index ? 16 : PAGE;
	uint64_t at;
	ssize_t ret;

	for (at = 0; at < region->size; at += ret) {
		ret = __vfio_read(vfio, region, at, data + at,
				  size < region->size - at ? size : region->size - at);
		check_msg(ret > 0, "region %u, at %#llx: %zd", region->index,
			  (unsigned long long)at, ret);
	}
}

static void search_region(const struct search *search, struct vfio *vfio, uint32_t index,
			  const char *when)
{
	struct vfio_region_info info = { };
	struct vfio_region_info *whole;
	struct vfio_region region;
	uint8_t *data;

	/* The VGA region, of a device that has none. */
	if (__vfio_region_info(vfio, index, &info, sizeof(info)) == -EINVAL)
		return;
	whole = vfio_region_info(vfio, index);
	check_without(search, whole, whole->argsz, "information on region", index, when);
	region = (struct vfio_region) {
		.index = index, .size = whole->size, .offset = whole->offset,
	};
	if (whole->flags & VFIO_REGION_INFO_FLAG_READ && index != vfio->mem.index) {
		data = malloc(region.size);
		read_region(vfio, &region, data);
		check_without(search, data, region.size, "region", index, when);
		free(data);
	}
	free(whole);
}

static void search_ioctls(const struct search *search, struct vfio *vfio, const char *when)
{
	struct vfio_device_info *device = vfio_device_info(vfio);
	uint32_t buf[256] = { sizeof(buf) };
	struct events events = { };
	unsigned int i;

	check_without(search, device, device->argsz, "information on the device", 0, when);
	for (i = 0; i < device->num_irqs; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		if (!ioctl(vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &irq))
			check_without(search, &irq, sizeof(irq), "information on interrupt", i,
				      when);
	}
	if (!ioctl(vfio->device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, buf))
		check_without(search, buf, sizeof(buf), "information on hot reset", 0, when);
	events_get(vfio, &events, EVENTS_MAX);
	check_without(search, &events, sizeof(events), "events", 0, when);
	free(device);
}

void search_device(const struct search *search, struct vfio *vfio, const char *when)
{
	struct vfio_device_info *device = vfio_device_info(vfio);
	unsigned int i;

	vfio_enable(vfio, true, false);
	for (i = 0; i < device->num_regions; i++)
		search_region(search, vfio, i, when);
	search_ioctls(search, vfio, when);
	free(device);
}
