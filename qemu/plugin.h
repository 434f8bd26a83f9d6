/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between a device that is compiled into QEMU and one that a
 * stock QEMU loads as a plugin: how its type becomes known. Everything else
 * compiles in either place.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "qemu/osdep.h"
#include "qom/object.h"

#ifdef CXL_PLUGIN

#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-types-control.h"
#include "qemu/error-report.h"
#include "qemu/qemu-plugin.h"

/*
 * A plugin uses QEMU's structures directly, whose layout any release may
 * change: it runs in the version that it was compiled for and no other.
 */
static inline bool plugin_version_fits(const char *name)
{
	g_autoptr(VersionInfo) running = qmp_query_version(NULL);
	g_autofree char *version = g_strdup_printf("%" PRId64 ".%" PRId64 ".%" PRId64,
						   running->qemu->major, running->qemu->minor,
						   running->qemu->micro);

	if (!strcmp(version, QEMU_VERSION))
		return true;
	error_report("%s: built for QEMU %s, this is %s: build the plugin against the headers "
		     "of this version", name, QEMU_VERSION, version);
	return false;
}

#define DEVICE_TYPE(info)								\
	QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;		\
											\
	QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,			\
						   const qemu_info_t *qemu,		\
						   int argc, char **argv)		\
	{										\
		if (!plugin_version_fits((info).name))					\
			return -1;							\
		type_register_static(&(info));						\
		return 0;								\
	}

#else

#define DEVICE_TYPE(info)								\
	static void register_device_type(void)						\
	{										\
		type_register_static(&(info));						\
	}										\
	type_init(register_device_type)

#endif

#endif
