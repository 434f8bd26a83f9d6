// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TLB of an emulated processor has MMIO as the number of a section of the memory
 * map. iotlb_to_section() of QEMU 10.0 takes that number to the map of now, and a
 * change of the map has the TLBs flushed only when the processors next leave the
 * translated code. An access in between reaches some other device, or ends QEMU by an
 * assertion or without. (A processor's own access that changes the map is the last
 * thing before it leaves.) Devices change the map by timers and QMP commands as well.
 *
 * Here the processors' thread stands aside, out of the translated code, while another
 * thread changes the map; the flush is the next thing that it does.
 *
 * QEMU's lock is dropped until it stands aside. A processor may change the map
 * meanwhile: there is one new map for both then, and listeners that want to hear of what
 * stays as it is (region_nop), as those of vhost devices, hear nothing. And a device
 * whose DMA changes the map is busy meanwhile for who accesses its registers.
 */
#include "mend.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "system/cpus.h"

/* All under QEMU's lock. */
static unsigned int changes;	/* under way, by threads that are no processor's */
static bool aside;		/* the processors' thread is in stand_aside() */
static QemuCond is_aside, changed;

static void stand_aside(CPUState *cpu, run_on_cpu_data data)
{
	aside = true;
	qemu_cond_broadcast(&is_aside);
	while (changes)
		qemu_cond_wait_bql(&changed);
	aside = false;
}

/* Before the machine has its processors, nothing can go wrong. */
static bool processors_run(void)
{
	return first_cpu && first_cpu->created;
}

/* memory_region_transaction_commit() calls this right before there is a new map. */
static void change_begins(MemoryListener *listener)
{
	if (qemu_in_vcpu_thread() || !processors_run())
		return;
	if (!changes++)
		async_run_on_cpu(first_cpu, stand_aside, RUN_ON_CPU_NULL);
	while (!aside)
		qemu_cond_wait_bql(&is_aside);
}

static void change_ends(MemoryListener *listener)
{
	if (qemu_in_vcpu_thread() || !changes)
		return;
	if (!--changes)
		qemu_cond_broadcast(&changed);
}

static MemoryListener listener = {
	.name = "tcg-lab",
	.begin = change_begins,
	.commit = change_ends,
};

void mend_memory_map(void)
{
	qemu_cond_init(&is_aside);
	qemu_cond_init(&changed);
	memory_listener_register(&listener, &address_space_memory);
}
