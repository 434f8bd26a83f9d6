// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for the QEMU that runs a machine of the lab's with TCG: it mends faults of
 * QEMU 10.0 that such machines stumble over.
 */
#include "mend.h"
#include "hw/core/cpu.h"
#include "../../qemu/plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	if (!plugin_version_fits("tcg-lab"))
		return -1;
	mend_svm(id);
	if (qemu_tcg_mttcg_enabled())
		warn_report("tcg-lab: changes of the memory map are safe with -accel tcg,thread=single only");
	else
		mend_memory_map();
	return 0;
}
