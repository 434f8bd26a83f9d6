// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data Object Exchange (PCIe 6.30): how a guest reads the device's CDAT. The core leaves it out of
 * the chain that a user follows, and its registers to raw access (vfio_ecap_init()).
 */
#include <linux/pci.h>
#include <linux/string.h>

#include "user/user.h"

#define HEADER_SIZE	4u
#define BODY_SIZE	(PCI_DOE_CAP_SIZEOF - HEADER_SIZE)
#define CHAIN_LIMIT	((PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / HEADER_SIZE)
#define ID_AND_VERSION	GENMASK_U32(19, 0)

static u32 get_header(struct vfio_pci_core_device *core, u32 at)
{
	return le32_to_cpu(*(__le32 *)&core->vconfig[at]);
}

static void put_header(struct vfio_pci_core_device *core, u32 at, u32 header, u32 next)
{
	*(__le32 *)&core->vconfig[at] = cpu_to_le32((header & ID_AND_VERSION) | next << 20);
}

static bool is_unassigned(struct vfio_pci_core_device *core, u32 at, u32 len)
{
	return at + len <= PCI_CFG_SPACE_EXP_SIZE &&
	       !memchr_inv(core->pci_config_map + at, CXL_VFIO_UNASSIGNED, len);
}

/* The chain begins at a fixed place, so one that is first is there, without its id. */
static bool show_first(struct vfio_pci_core_device *core, u32 at, u32 header)
{
	u32 before = get_header(core, at);

	if (PCI_EXT_CAP_ID(before) || !is_unassigned(core, at + HEADER_SIZE, BODY_SIZE))
		return false;
	put_header(core, at, header, PCI_EXT_CAP_NEXT(before));
	return true;
}

/* What the user finds at @prev leads to @at then, and from there to where it led. */
static bool show_header(struct vfio_pci_core_device *core, u32 prev, u32 at, u32 header)
{
	u32 start = max(at - BODY_SIZE, (u32)PCI_CFG_SPACE_SIZE), before = get_header(core, prev);

	if (at == PCI_CFG_SPACE_SIZE)
		return show_first(core, at, header);
	/* Not in the registers of another one, which are raw for the user too. */
	if (!is_unassigned(core, at, PCI_DOE_CAP_SIZEOF) ||
	    memchr(core->pci_config_map + start, PCI_EXT_CAP_ID_DOE, at - start))
		return false;
	/* Read from vconfig, writes are dropped: ecap_perms[] in vfio_pci_config.c. */
	memset(core->pci_config_map + at, PCI_EXT_CAP_ID_DOE, HEADER_SIZE);
	put_header(core, at, header, PCI_EXT_CAP_NEXT(before));
	put_header(core, prev, before, at);
	return true;
}

/* Does the user's chain end, and lead to capabilities of the core's only? */
static bool is_sound(struct vfio_pci_core_device *core)
{
	unsigned int limit = CHAIN_LIMIT;
	u32 at = PCI_CFG_SPACE_SIZE;

	/* Only where the core has all of a header's bytes, vconfig has them too. */
	while (at >= PCI_CFG_SPACE_SIZE && limit-- &&
	       !memchr(core->pci_config_map + at, CXL_VFIO_UNASSIGNED, HEADER_SIZE))
		at = PCI_EXT_CAP_NEXT(get_header(core, at));
	return at < PCI_CFG_SPACE_SIZE;
}

/*
 * Shows the DOE capabilities to the user, just after vfio_pci_core_enable(). Follows the device's
 * chain, and the user's beside it, which is the same with some left out. The device may say
 * anything, and something else than it said to the core. A capability that is out of bounds, or
 * overlaps what the core or another DOE has, stays hidden, and a chain that is broken stays as it
 * is. A sound one stays sound: what is put in was no part of it.
 */
void cxl_vfio_doe_open(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	u32 at = PCI_CFG_SPACE_SIZE, prev = at, header;
	unsigned int limit = CHAIN_LIMIT;

	if (!core->extended_caps || !is_sound(core))
		return;

	while (at >= PCI_CFG_SPACE_SIZE && limit--) {
		if (pci_read_config_dword(core->pdev, at, &header))
			return;
		if (at == PCI_EXT_CAP_NEXT(get_header(core, prev)) ||
		    (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DOE &&
		     show_header(core, prev, at, header)))
			prev = at;
		at = PCI_EXT_CAP_NEXT(header);
	}
}
