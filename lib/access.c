// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vfio_cxl.h"
#include "vfiocxl.h"

struct feature {
	struct vfio_device_feature header;
	struct vfio_device_feature_cxl_events state;
};

static int ask_device(int device, uint32_t operation, struct feature *feature)
{
	feature->header.argsz = sizeof(*feature);
	feature->header.flags = operation | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	return ioctl(device, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
}

static int set_eventfd(int device, int fd)
{
	struct feature feature = { .state.eventfd = fd };

	return ask_device(device, VFIO_DEVICE_FEATURE_SET, &feature);
}

/* With no size of an event: the state, and no event is taken. 1: it may be touched. */
static int is_accessible(int device)
{
	struct feature feature = { };
	int ret = ask_device(device, VFIO_DEVICE_FEATURE_GET, &feature);

	return ret ? ret : !!(feature.state.flags & VFIO_CXL_STATE_ACCESSIBLE);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* What the eventfd counts is added to *@told. */
static int wait_by(int device, int fd, int timeout_ms, uint64_t *told)
{
	const int64_t end = now_ms() + timeout_ms;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t count;
	int ret;

	while (!(ret = is_accessible(device))) {
		int64_t left = end - now_ms();

		if (timeout_ms >= 0 && left <= 0)
			return -ETIMEDOUT;
		ret = poll(&ready, 1, timeout_ms < 0 ? -1 : left);
		if (ret < 0)
			return -errno;
		if (ret && read(fd, &count, sizeof(count)) == sizeof(count))
			*told += count;
	}
	return ret < 0 ? ret : 0;
}

int vfio_cxl_wait_accessible(int device, int fd, int timeout_ms)
{
	const bool own = fd < 0;
	uint64_t told = 0;
	int ret = 0;

	if (own) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fd < 0)
			return -errno;
		ret = set_eventfd(device, fd);
	}
	if (!ret)
		ret = wait_by(device, fd, timeout_ms, &told);
	if (own) {
		set_eventfd(device, -1);
		close(fd);
	} else if (told && write(fd, &told, sizeof(told)) < 0 && !ret) {
		ret = -errno;
	}
	return ret;
}
