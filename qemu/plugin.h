/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between versions of QEMU, and between a device that is compiled
 * into QEMU and one that a stock QEMU loads as a plugin: how its type becomes
 * known. Everything else compiles in either place.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "qemu/osdep.h"
#include "qom/object.h"

/* What class_init() of a TypeInfo takes beside the class. */
#if QEMU_VERSION_MAJOR > 10 || (QEMU_VERSION_MAJOR == 10 && QEMU_VERSION_MINOR > 0)
#define CLASS_DATA	const void *
#else
#define CLASS_DATA	void *
#endif

/* A type of QEMU's whose structure a device knows, that of the type that objects are made of. */
struct known_type {
	const char *name;
	size_t size;			/* bytes: of the structure, in the headers */
};

#define KNOWN_TYPE(name, structure)	{ name, sizeof(structure) }

#ifdef CXL_PLUGIN

#include <malloc.h>
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

/*
 * A QEMU of the same version may have been built with other options, or patched. QEMU does
 * not tell the size of a type's structure: an object is made of each, which is as large. Two
 * sizes that the allocator rounds to the same are taken for one.
 */
static inline bool plugin_types_fit(const char *name, const struct known_type *types, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		g_autofree void *expected = g_malloc(types[i].size);
		Object *object = object_new(types[i].name);
		bool fits = malloc_usable_size(object) == malloc_usable_size(expected);

		object_unref(object);
		if (fits)
			continue;
		error_report("%s: type %s of this QEMU %s has another size than in the headers that "
			     "the plugin was built with: build it against the headers of this very "
			     "QEMU", name, types[i].name, QEMU_VERSION);
		return false;
	}
	return true;
}

#define DEVICE_TYPE(info, types)							\
	QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;		\
											\
	QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,			\
						   const qemu_info_t *qemu,		\
						   int argc, char **argv)		\
	{										\
		if (!plugin_version_fits((info).name) ||				\
		    !plugin_types_fit((info).name, types, ARRAY_SIZE(types)))		\
			return -1;							\
		type_register_static(&(info));						\
		return 0;								\
	}

#else

#define DEVICE_TYPE(info, types)							\
	QEMU_BUILD_BUG_ON(!ARRAY_SIZE(types));						\
	static void register_device_type(void)						\
	{										\
		type_register_static(&(info));						\
	}										\
	type_init(register_device_type)

#endif

#endif
