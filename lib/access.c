// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vfio_cxl.h"
#include "vfiocxl.h"

#define POLL_MS	20

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

/* The next look at the state: when the eventfd says so, or, without one, after POLL_MS. */
static int wait_for_news(int fd, int64_t left_ms, uint64_t *told)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t count;
	int ret;

	if (fd < 0 && (left_ms < 0 || left_ms > POLL_MS))
		left_ms = POLL_MS;
	ret = poll(&ready, 1, left_ms < INT_MAX ? left_ms : INT_MAX);
	if (ret < 0)
		return -errno;
	if (ready.revents & ~POLLIN)
		return -EBADF;
	if (ret && read(fd, &count, sizeof(count)) == sizeof(count))
		*told += count;
	return 0;
}

int vfio_cxl_wait_accessible(int device, int fd, int timeout_ms)
{
	const int64_t end = now_ms() + timeout_ms;
	uint64_t told = 0;
	int ret;

	while (!(ret = is_accessible(device))) {
		int64_t left = timeout_ms < 0 ? -1 : end - now_ms();

		ret = timeout_ms >= 0 && left <= 0 ? -ETIMEDOUT : wait_for_news(fd, left, &told);
		if (ret)
			break;
	}
	if (told && write(fd, &told, sizeof(told)) < 0 && ret >= 0)
		return -errno;
	return ret < 0 ? ret : 0;
}
