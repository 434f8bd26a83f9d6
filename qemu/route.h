/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an access gets from QEMU's physical address space to a CXL device below
 * a root port: through a CXL window (CFMWS), a decoder of the host bridge, and
 * where there is a switch, a decoder of its upstream port. Everything here runs under
 * the big QEMU lock. Addresses and sizes are in bytes.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "qemu/osdep.h"
#include "qemu/notify.h"
#include "hw/cxl/cxl.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_host.h"

/* Above what QEMU has in a window, which is of priority 0. */
#define ROUTE_PRIORITY	1

/*
 * Is @pdev directly below a CXL root port, or if @switches is set, below one switch
 * that is? False with a hint if not. The root port, and its host bridge, if so.
 */
bool route_check(PCIDevice *pdev, bool switches, Error **errp);
PCIDevice *route_root_port(PCIDevice *pdev);
PCIHostState *route_host_bridge(PCIDevice *pdev);

/*
 * The CXL windows of the machine, in no particular order: the next one after
 * @window, the first one for NULL. Also before the machine is complete.
 */
CXLFixedWindow *route_next_window(CXLFixedWindow *window);

/* Is @bridge a target of the window? */
bool route_window_targets(CXLFixedWindow *window, PCIHostState *bridge);

/*
 * Does an access to any of @size bytes from @base on get to @pdev? By a window
 * that has no other target, and a committed decoder of the host bridge that
 * does not interleave; or a host bridge without decoders and one port only. And
 * by such a decoder of the switch, if there is one.
 */
bool route_reaches(PCIDevice *pdev, uint64_t base, uint64_t size);

/*
 * The host bridge's register at @offset in its HDM Decoder capability; written
 * as if by the guest, so by the bridge's own rules.
 */
uint32_t route_bridge_read(PCIHostState *bridge, uint32_t offset);
void route_bridge_write(PCIHostState *bridge, uint32_t offset, uint32_t val);

/*
 * Have the host bridges of all windows refuse what a guest could write there to
 * stop QEMU. When the machine is complete; more than once is as good as once.
 */
void route_guard_bridges(void);

/*
 * @notifier is told, with no data, after each write to the CM block of @pdev's host
 * bridge and switch, and of others that are watched.
 */
void route_watch(PCIDevice *pdev, Notifier *notifier);

#endif
