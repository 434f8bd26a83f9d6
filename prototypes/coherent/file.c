// SPDX-License-Identifier: GPL-2.0-only
/* /dev/cxl_coherent */
#include <linux/module.h>
#include <linux/uaccess.h>

#include "coherent.h"

static struct coherent *file_coherent(struct file *file)
{
	return container_of(file->private_data, struct coherent, misc);
}

/* misc_deregister() waits for this, so the binding's reference is there. */
static int coherent_open(struct inode *inode, struct file *file)
{
	kref_get(&file_coherent(file)->ref);
	return 0;
}

static int coherent_release(struct inode *inode, struct file *file)
{
	coherent_put(file_coherent(file));
	return 0;
}

static long info(struct coherent *coherent, void __user *arg)
{
	struct cxl_coherent_info info;

	scoped_guard(rwsem_read, &coherent->lock) {
		if (coherent->gone)
			return -ENODEV;
		coherent_pages_info(coherent, &info);
	}
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long migrate(struct coherent *coherent, void __user *arg, bool to_device)
{
	struct cxl_coherent_range range;
	int ret;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	ret = coherent_migrate(coherent, &range, to_device);
	if (copy_to_user(arg, &range, sizeof(range)))
		return -EFAULT;
	return ret;
}

static long coherent_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct coherent *coherent = file_coherent(file);
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case CXL_COHERENT_INFO:
		return info(coherent, user);
	case CXL_COHERENT_TO_DEVICE:
		return migrate(coherent, user, true);
	case CXL_COHERENT_TO_HOST:
		return migrate(coherent, user, false);
	}
	return -ENOTTY;
}

const struct file_operations coherent_fops = {
	.owner = THIS_MODULE,
	.open = coherent_open,
	.release = coherent_release,
	.unlocked_ioctl = coherent_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
