// SPDX-License-Identifier: GPL-2.0-only
/* Accesses that reach nothing of the device: where it does not answer, and where it has nothing. */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "user/user.h"

#define CHUNK_SIZE	64

/* As from a device that does not answer: reads give ones, and writes are dropped. */
ssize_t cxl_vfio_rw_nothing(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			    loff_t *ppos, bool iswrite)
{
	static const u8 ones[CHUNK_SIZE] = { [0 ... CHUNK_SIZE - 1] = 0xff };
	size_t done, chunk;

	for (done = 0; !iswrite && done < count; done += chunk) {
		chunk = min(count - done, sizeof(ones));
		if (copy_to_user(buf + done, ones, chunk))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	*ppos += count;
	return count;
}

/* As registers that a device does not have (PCIe 7.4, RsvdP and RsvdZ). */
ssize_t cxl_vfio_rw_reserved(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			     loff_t *ppos, bool iswrite)
{
	if (!iswrite && clear_user(buf, count))
		return -EFAULT;
	*ppos += count;
	return count;
}
