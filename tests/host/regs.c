// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"
#include "qmp.h"
#include "regs.h"

#define POLL_US		1000
#define POLLS		60000	/* a loaded machine is slow; what works needs few */

uint32_t hdm_read(struct vfio *vfio, uint32_t offset)
{
	return vfio_read32(vfio, &vfio->regs, HDM_AT + offset);
}

ssize_t __hdm_write(struct vfio *vfio, uint32_t offset, uint32_t value)
{
	return __vfio_write(vfio, &vfio->regs, HDM_AT + offset, &value, sizeof(value));
}

void hdm_write(struct vfio *vfio, uint32_t offset, uint32_t value)
{
	vfio_write(vfio, &vfio->regs, HDM_AT + offset, &value, sizeof(value));
}

static uint64_t pair(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

uint64_t hdm_base(struct vfio *vfio)
{
	return pair(hdm_read(vfio, CXLR_HDM_BASE_LOW(0)), hdm_read(vfio, CXLR_HDM_BASE_HIGH(0)));
}

uint64_t hdm_size(struct vfio *vfio)
{
	return pair(hdm_read(vfio, CXLR_HDM_SIZE_LOW(0)), hdm_read(vfio, CXLR_HDM_SIZE_HIGH(0)));
}

void hdm_program(struct vfio *vfio, uint64_t base, uint64_t size, uint64_t skip)
{
	hdm_write(vfio, CXLR_HDM_BASE_LOW(0), base);
	hdm_write(vfio, CXLR_HDM_BASE_HIGH(0), base >> 32);
	hdm_write(vfio, CXLR_HDM_SIZE_LOW(0), size);
	hdm_write(vfio, CXLR_HDM_SIZE_HIGH(0), size >> 32);
	hdm_write(vfio, CXLR_HDM_DPA_SKIP_LOW(0), skip);
	hdm_write(vfio, CXLR_HDM_DPA_SKIP_HIGH(0), skip >> 32);
}

uint32_t hdm_commit(struct vfio *vfio, uint32_t bits)
{
	hdm_write(vfio, CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT | bits);
	return hdm_read(vfio, CXLR_HDM_CTRL(0));
}

uint32_t hdm_uncommit(struct vfio *vfio, uint32_t bits)
{
	hdm_write(vfio, CXLR_HDM_CTRL(0), bits);
	return hdm_read(vfio, CXLR_HDM_CTRL(0));
}

void hdm_place(struct vfio *vfio, uint64_t base, uint64_t size, uint32_t bits)
{
	hdm_program(vfio, base, size, 0);
	check_eq(hdm_commit(vfio, bits), CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED | bits);
}

uint32_t config_read(struct vfio *vfio, uint32_t offset, unsigned int width)
{
	uint32_t value = 0;

	vfio_read(vfio, &vfio->config, offset, &value, width);
	return value;
}

void config_write(struct vfio *vfio, uint32_t offset, unsigned int width, uint32_t value)
{
	vfio_write(vfio, &vfio->config, offset, &value, width);
}

void config_flr(struct vfio *vfio)
{
	uint32_t control = config_read(vfio, EXP_AT + PCI_EXP_DEVCTL, 2);

	config_write(vfio, EXP_AT + PCI_EXP_DEVCTL, 2, control | PCI_EXP_DEVCTL_BCR_FLR);
}

uint16_t dvsec_read(struct vfio *vfio, uint32_t offset)
{
	return config_read(vfio, DVSEC_AT + offset, 2);
}

uint32_t dvsec_read32(struct vfio *vfio, uint32_t offset)
{
	return config_read(vfio, DVSEC_AT + offset, 4);
}

void dvsec_write(struct vfio *vfio, uint32_t offset, uint16_t value)
{
	config_write(vfio, DVSEC_AT + offset, 2, value);
}

void dvsec_write32(struct vfio *vfio, uint32_t offset, uint32_t value)
{
	config_write(vfio, DVSEC_AT + offset, 4, value);
}

uint64_t dvsec_range_base(struct vfio *vfio, unsigned int n)
{
	return pair(dvsec_read32(vfio, CXLR_DVSEC_RANGE_BASE_LOW(n)),
		    dvsec_read32(vfio, CXLR_DVSEC_RANGE_BASE_HIGH(n)));
}

uint64_t dvsec_range_size(struct vfio *vfio, unsigned int n)
{
	return pair(dvsec_read32(vfio, CXLR_DVSEC_RANGE_SIZE_LOW(n)) & CXLR_RANGE_SIZE_LOW_MASK,
		    dvsec_read32(vfio, CXLR_DVSEC_RANGE_SIZE_HIGH(n)));
}

void dvsec_set_range_base(struct vfio *vfio, unsigned int n, uint64_t base)
{
	dvsec_write32(vfio, CXLR_DVSEC_RANGE_BASE_HIGH(n), base >> 32);
	dvsec_write32(vfio, CXLR_DVSEC_RANGE_BASE_LOW(n), base);
}

void report_error(uint64_t offset)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx",
		 (unsigned long long)(qmp_get("hdm0-base") + offset));
	write_file("/sys/devices/system/memory/hard_offline_page", text);
}

void cxl_reset_start(struct vfio *vfio, bool clear)
{
	uint16_t control = dvsec_read(vfio, CXLR_DVSEC_CTRL2) & ~CXLR_CTRL2_RESET_MEM_CLR;

	control |= clear ? CXLR_CTRL2_RESET_MEM_CLR : 0;
	dvsec_write(vfio, CXLR_DVSEC_CTRL2, control | CXLR_CTRL2_INITIATE_RESET);
}

uint16_t cxl_reset_wait(struct vfio *vfio)
{
	const uint16_t ended = CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR;
	unsigned int polls;

	for (polls = 0; polls < POLLS; polls++, usleep(POLL_US)) {
		uint16_t status = dvsec_read(vfio, CXLR_DVSEC_STATUS2) & ended;

		if (status)
			return status;
	}
	fail(__FILE__, __LINE__, "the CXL Reset does not end");
}

void cxl_reset(struct vfio *vfio, bool clear)
{
	cxl_reset_start(vfio, clear);
	check_eq(cxl_reset_wait(vfio), CXLR_STATUS2_RESET_COMPLETE);
}

union feature {
	struct vfio_device_feature feature;
	struct {
		uint8_t header[sizeof(struct vfio_device_feature)];
		struct vfio_device_feature_cxl_events state;
	};
	uint8_t room[sizeof(struct vfio_device_feature) +
		     sizeof(struct vfio_device_feature_cxl_events) +
		     EVENTS_MAX * sizeof(struct vfio_cxl_event)];
};

static int feature_ioctl(struct vfio *vfio, union feature *feature, uint32_t operation,
			 unsigned int events)
{
	feature->feature.argsz = sizeof(feature->feature) + sizeof(feature->state) +
				 events * sizeof(struct vfio_cxl_event);
	feature->feature.flags = operation | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	return ioctl(vfio->device, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
}

int __events_set(struct vfio *vfio, int eventfd)
{
	union feature feature = { };

	feature.state.eventfd = eventfd;
	return feature_ioctl(vfio, &feature, VFIO_DEVICE_FEATURE_SET, 0);
}

void events_set(struct vfio *vfio, int eventfd)
{
	check_eq(__events_set(vfio, eventfd), 0);
}

int events_open(struct vfio *vfio)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	check_ge(fd, 0);
	events_set(vfio, fd);
	return fd;
}

int __events_get(struct vfio *vfio, struct events *events, unsigned int max)
{
	union feature feature;
	int ret;

	check_le(max, EVENTS_MAX);
	/* What is not written must not look like an answer. */
	memset(&feature, 0xa5, sizeof(feature));
	feature.state.event_size = max ? sizeof(struct vfio_cxl_event) : 0;
	ret = feature_ioctl(vfio, &feature, VFIO_DEVICE_FEATURE_GET, max);
	if (ret)
		return ret;
	check_eq(feature.state.eventfd, -1);
	check_eq(feature.state.event_size, max ? sizeof(struct vfio_cxl_event) : 0);
	check_eq(feature.state.reserved[0] | feature.state.reserved[1], 0);
	check_le(feature.state.nr_events, max);
	events->flags = feature.state.flags;
	events->seq = feature.state.seq;
	events->base = feature.state.base;
	events->size = feature.state.size;
	events->dpa = feature.state.dpa;
	events->count = feature.state.nr_events;
	memcpy(events->event, feature.state.events,
	       events->count * sizeof(*events->event));
	return 0;
}

void events_get(struct vfio *vfio, struct events *events, unsigned int max)
{
	int ret = __events_get(vfio, events, max);

	check_msg(!ret, "events: %s", strerror(-ret));
}

uint64_t events_signalled(int eventfd)
{
	uint64_t count = 0;

	if (read(eventfd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

void events_until(struct vfio *vfio, struct events *events, uint32_t type)
{
	struct events next;
	unsigned int polls;

	events->count = 0;
	for (polls = 0; polls < POLLS; polls++) {
		events_get(vfio, &next, 1);
		if (!next.count) {
			usleep(POLL_US);
			continue;
		}
		check_lt(events->count, EVENTS_MAX);
		events->event[events->count++] = next.event[0];
		events->flags = next.flags;
		events->seq = next.seq;
		events->base = next.base;
		events->size = next.size;
		events->dpa = next.dpa;
		if (next.event[0].type == type)
			return;
	}
	fail(__FILE__, __LINE__, "no event of type %u comes, after %u others", type,
	     events->count);
}

void events_are(const struct events *events, const uint32_t *types)
{
	unsigned int i;

	for (i = 0; types[i]; i++) {
		check_msg(i != events->count, "%u events, the next should be of type %u", i,
			  types[i]);
		check_msg(events->event[i].type == types[i], "event %u is of type %u, wanted %u",
			  i, events->event[i].type, types[i]);
		if (i)
			check_eq(events->event[i].seq, events->event[i - 1].seq + 1);
	}
	check_eq(events->count, i);
}
