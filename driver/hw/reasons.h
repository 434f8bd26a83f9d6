/* SPDX-License-Identifier: GPL-2.0-only */
/* Why the memory may not be touched. Pure C: the unit tests include it. */
#ifndef CXL_VFIO_REASONS_H
#define CXL_VFIO_REASONS_H

/* Bits of cxl_vfio_hw.reasons, by BIT(). What each leads to is in life/rules.c. */
enum cxl_vfio_reason {
	CXL_VFIO_WHY_RESET,		/* a reset by the PCI core is under way */
	CXL_VFIO_WHY_CXL_RESET,	/* a CXL Reset is */
	CXL_VFIO_WHY_CLOSE,		/* the VFIO core resets it after its last user */
	CXL_VFIO_WHY_OPEN,		/* the VFIO core enables it for a user, and resets it */
	CXL_VFIO_WHY_ERROR,		/* error recovery is under way */
	CXL_VFIO_WHY_POWER,		/* the user has put it into D3hot */
	CXL_VFIO_WHY_SUSPENDED,	/* no process has it open, and it is not in D0 */
	CXL_VFIO_WHY_HUNG,		/* a CXL Reset did not end; the bus's ends it */
	CXL_VFIO_WHY_LOST,		/* what the platform programmed could not be put back */
	CXL_VFIO_WHY_GONE,		/* the device was removed; never ends */
	CXL_VFIO_WHY_COUNT
};

#endif
