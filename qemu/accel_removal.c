// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The accelerator leaves its slot without notice. From then on it answers
 * nothing: reads of what it had are all ones, as a root port completes them, and
 * writes are lost. What the slot says of it is another matter, which may come later.
 * The object stays in QEMU until device_del takes it.
 */
#include "cxl_accel.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_regs.h"

static uint64_t ones_read(void *opaque, hwaddr addr, unsigned int size)
{
	return UINT64_MAX;
}

static void lost_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
}

static const MemoryRegionOps absent_ops = {
	.read = ones_read,
	.write = lost_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* The BAR that s->absent[n] lies over; NULL if the device has none there. */
static MemoryRegion *covered_bar(CxlAccel *s, unsigned int n)
{
	MemoryRegion *bars[ARRAY_SIZE(s->absent)] = {
		&s->bar, &PCI_DEVICE(s)->msix_exclusive_bar,
		s->place->bar == CXL_ACCEL_BAR ? NULL : &s->component_bar,
	};

	return bars[n];
}

/* Over all else of each BAR, when the time comes. */
static void cover_bars(CxlAccel *s)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(s->absent); n++) {
		MemoryRegion *bar = covered_bar(s, n);

		if (!bar)
			continue;
		memory_region_init_io(&s->absent[n], OBJECT(s), &absent_ops, s, "cxl-accel-gone",
				      memory_region_size(bar));
		memory_region_set_enabled(&s->absent[n], false);
		memory_region_add_subregion_overlap(bar, 0, &s->absent[n], 1);
	}
}

/* The one that the device is on, be it a switch's. */
static PCIDevice *own_port(CxlAccel *s)
{
	return pci_get_bus(PCI_DEVICE(s))->parent_dev;
}

void accel_removal_init(CxlAccel *s)
{
	PCIDevice *port = own_port(s);
	uint32_t slot = port->exp.exp_cap;

	cover_bars(s);

	/* QEMU's slots tell of changes of presence alone. */
	pci_word_test_and_set_mask(port->wmask + slot + PCI_EXP_SLTCTL, PCI_EXP_SLTCTL_DLLSCE);
	pci_word_test_and_set_mask(port->w1cmask + slot + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_DLLSC);
}

void accel_removal_exit(CxlAccel *s)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(s->absent); n++)
		if (covered_bar(s, n))
			memory_region_del_subregion(covered_bar(s, n), &s->absent[n]);
}

void accel_vanish(CxlAccel *s)
{
	if (s->gone)
		return;
	s->gone = true;
	accel_stop_timers(s);
	accel_engine_reset(s);
	memory_region_transaction_begin();
	for (unsigned int n = 0; n < ARRAY_SIZE(s->absent); n++)
		if (covered_bar(s, n))
			memory_region_set_enabled(&s->absent[n], true);
	accel_map_update(s);
	memory_region_transaction_commit();
}

/* PCIe 6.0, 6.7.3.4: one interrupt when the first event is there that is enabled. */
static void notify(PCIDevice *port, uint16_t enables)
{
	uint8_t *express = port->config + port->exp.exp_cap;
	uint16_t control = pci_get_word(express + PCI_EXP_SLTCTL);
	unsigned int vector = pcie_cap_flags_get_vector(port);

	if (!(control & PCI_EXP_SLTCTL_HPIE) || !(control & enables) || port->exp.hpev_notified)
		return;
	port->exp.hpev_notified = true;
	if (msix_enabled(port))
		msix_notify(port, vector);
	else if (msi_enabled(port))
		msi_notify(port, vector);
	else
		pci_irq_assert(port);
}

void accel_vanish_and_tell(CxlAccel *s)
{
	PCIDevice *port = own_port(s);
	uint8_t *express = port->config + port->exp.exp_cap;

	accel_vanish(s);
	if (s->told)
		return;
	s->told = true;
	pci_word_test_and_clear_mask(express + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
	pci_word_test_and_clear_mask(express + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
	pci_word_test_and_set_mask(express + PCI_EXP_SLTSTA,
				   PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	notify(port, PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE);
}
