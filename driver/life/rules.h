/* SPDX-License-Identifier: GPL-2.0-only */
/* What each reason against touching the memory leads to. Pure C: the unit tests include it. */
#ifndef CXL_VFIO_RULES_H
#define CXL_VFIO_RULES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#endif

#include "hw/reasons.h"

/**
 * struct cxl_vfio_rule - what a reason leads to
 * @name: of the reason, for logs, traces and docs/lifecycle.md
 * @begins: when it does, for that page
 * @ends: when it does, for that page
 * @flush: the processors' caches are flushed when it begins: the device stops decoding, and
 *	   a dirty line could not be written back
 * @unmap: the kernel does not map the memory meanwhile, if that has no struct pages: reads
 *	   that a processor makes ahead would get no answer
 * @restores: the device may have lost what the platform programmed: the end of the last
 *	      such reason restores it
 */
struct cxl_vfio_rule {
	const char *name;
	const char *begins;
	const char *ends;
	bool flush;
	bool unmap;
	bool restores;
};

extern const struct cxl_vfio_rule cxl_vfio_rules[CXL_VFIO_WHY_COUNT];

bool cxl_vfio_last_to_restore(enum cxl_vfio_reason ends, unsigned long held);

#endif
