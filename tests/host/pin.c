// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness.h"
#include "pin.h"

int pin(void *memory, size_t len)
{
	struct io_uring_params params = { };
	struct iovec iov = { memory, len };
	int ring = syscall(__NR_io_uring_setup, 1, &params);

	check(ring >= 0);
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1) < 0) {
		int ret = -errno;

		close(ring);
		return ret;
	}
	return ring;
}
