// SPDX-License-Identifier: GPL-2.0-only
/*
 * One of a few names: what the administrator may choose, for new devices by a
 * parameter, for one device by an attribute.
 */
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "cxl_vfio.h"

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct cxl_vfio_choice *choice = kp->arg;
	int which = cxl_vfio_choice_parse(choice, val);

	if (which < 0)
		return which;
	WRITE_ONCE(choice->new_devices, which);
	return 0;
}

static int param_get(char *buf, const struct kernel_param *kp)
{
	const struct cxl_vfio_choice *choice = kp->arg;

	return sysfs_emit(buf, "%s\n", choice->names[READ_ONCE(choice->new_devices)]);
}

/* Of parameters whose argument is a struct cxl_vfio_choice. */
const struct kernel_param_ops cxl_vfio_choice_param_ops = {
	.set = param_set,
	.get = param_get,
};

/**
 * cxl_vfio_choice_parse - which name it is
 * @choice: the names
 * @name: one of them, perhaps with a newline
 *
 * Return: its number, or -EINVAL.
 */
int cxl_vfio_choice_parse(const struct cxl_vfio_choice *choice, const char *name)
{
	return __sysfs_match_string(choice->names, choice->count, name);
}

/**
 * cxl_vfio_choice_show - all names, one of them in brackets
 * @choice: the names
 * @which: the number of that one
 * @buf: a page, as attributes are given
 *
 * Return: bytes written.
 */
ssize_t cxl_vfio_choice_show(const struct cxl_vfio_choice *choice, unsigned int which, char *buf)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < choice->count; i++)
		len += sysfs_emit_at(buf, len, i == which ? "%s[%s]" : "%s%s", i ? " " : "",
				     choice->names[i]);
	return len + sysfs_emit_at(buf, len, "\n");
}
