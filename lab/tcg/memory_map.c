// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TLB of an emulated processor has MMIO as the number of a section of the memory
 * map. iotlb_to_section() of QEMU 10.0 takes that number to the map of now, and a
 * change of the map has the TLBs flushed only when the processors next leave the
 * translated code. An access in between reaches some other device, or ends QEMU by an
 * assertion or without. Devices change the map by timers and QMP commands as well
 * as when a processor accesses them.
 *
 * Here the processors' thread stands aside, out of the translated code, while another
 * thread changes the map; the flush is the next thing that it does. A processor whose
 * own access changes the map has its TLB flushed before it goes on.
 */
#include "tcg.h"
#include "cpu.h"
#include "exec/address-spaces.h"
#include "exec/cputlb.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "system/cpus.h"
#include "system/system.h"

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

/*
 * memory_region_transaction_commit() calls this right before there is a new map. The
 * lock is dropped, and a processor may change the map meanwhile, which is then
 * what is made of it all.
 */
static void change_begins(MemoryListener *listener)
{
	if (qemu_in_vcpu_thread() || !first_cpu || !first_cpu->created)
		return;
	if (!changes++)
		async_run_on_cpu(first_cpu, stand_aside, RUN_ON_CPU_NULL);
	while (!aside)
		qemu_cond_wait_bql(&is_aside);
}

static void change_ends(MemoryListener *listener)
{
	if (qemu_in_vcpu_thread()) {
		tlb_flush(current_cpu);
		return;
	}
	if (changes && !--changes)
		qemu_cond_broadcast(&changed);
}

static MemoryListener listener = {
	.name = "tcg-lab",
	.begin = change_begins,
	.commit = change_ends,
};

/* Machines without processors have nothing to mend, and no system memory yet. */
static void machine_is_complete(Notifier *notifier, void *data)
{
	memory_listener_register(&listener, &address_space_memory);
}

static Notifier complete = { .notify = machine_is_complete };

void mend_memory_map(void)
{
	qemu_cond_init(&is_aside);
	qemu_cond_init(&changed);
	qemu_add_machine_init_done_notifier(&complete);
}
