// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of reasons. tests/unit/test_rules.c walks all pairs of them; make docs prints
 * docs/lifecycle.md's table from it.
 */
#include "life/rules.h"

const struct cxl_vfio_rule cxl_vfio_rules[CXL_VFIO_WHY_COUNT] = {
	[CXL_VFIO_WHY_RESET] = {
		.name = "reset", .begins = "the PCI core resets the device",
		.ends = "the reset has ended", .flush = true, .restores = true,
	},
	[CXL_VFIO_WHY_CXL_RESET] = {
		.name = "cxl_reset", .begins = "a CXL Reset is started",
		.ends = "it has ended, or hangs", .flush = true, .restores = true,
	},
	[CXL_VFIO_WHY_CLOSE] = {
		.name = "close", .begins = "the last user closes the device",
		.ends = "the VFIO core has reset it", .flush = true, .restores = true,
	},
	[CXL_VFIO_WHY_OPEN] = {
		.name = "open", .begins = "the VFIO core enables the device",
		.ends = "the VFIO core has reset it", .restores = true,
	},
	[CXL_VFIO_WHY_ERROR] = {
		/* The link may be reset, be it for another device below the same port. */
		.name = "error", .begins = "AER reports an error",
		.ends = "recovery has ended", .flush = true, .restores = true,
	},
	[CXL_VFIO_WHY_POWER] = {
		.name = "power", .begins = "the user writes D3hot to PMCSR, which is virtual",
		.ends = "the user writes D0, or resets the device",
	},
	[CXL_VFIO_WHY_SUSPENDED] = {
		.name = "suspended", .begins = "the device is idle for 5 s",
		.ends = "the device has resumed", .flush = true, .unmap = true, .restores = true,
	},
	[CXL_VFIO_WHY_HUNG] = {
		.name = "hung", .begins = "a CXL Reset does not end in its time",
		.ends = "a conventional reset was made",
	},
	[CXL_VFIO_WHY_LOST] = {
		.name = "lost", .begins = "something could not be put back",
		.ends = "a later reset leaves all as it was at bind",
	},
	[CXL_VFIO_WHY_GONE] = {
		.name = "gone", .begins = "the device is pulled out, or given up",
		.ends = "never",
	},
};

/* Does @ends restore, and no other reason that is @held, by BIT()? @ends still is, too. */
bool cxl_vfio_last_to_restore(enum cxl_vfio_reason ends, unsigned long held)
{
	unsigned int other;

	if (!cxl_vfio_rules[ends].restores)
		return false;
	for (other = 0; other < CXL_VFIO_WHY_COUNT; other++)
		if (other != ends && held & 1ul << other && cxl_vfio_rules[other].restores)
			return false;
	return true;
}
