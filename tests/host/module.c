// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"

int __module_load(const char *file, const char *parameters)
{
	struct utsname kernel;
	char path[256];
	int fd, ret;

	uname(&kernel);
	snprintf(path, sizeof(path), file, kernel.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

void module_load(const char *file, const char *parameters)
{
	check_eq(__module_load(file, parameters), 0);
}

void module_unload(const char *name)
{
	check_eq(syscall(SYS_delete_module, name, O_NONBLOCK), 0);
}
