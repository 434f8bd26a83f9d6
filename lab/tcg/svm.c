// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for the QEMU that runs the lab's machine with TCG, so that KVM in
 * that machine can run guests. It mends two faults of QEMU 10.0:
 *
 * AMD's manual (volume 2, 15.7.2) has EXITINTINFO hold an event only when its
 * valid bit is set. do_vmexit() leaves the type and vector there of the last
 * exception that the guest took since VMRUN, with the valid bit clear. KVM's
 * svm_check_emulate_instruction() looks at the type alone, and stops the guest
 * with "KVM internal error. Suberror: 3" at the next access that it emulates.
 * Here the whole field is cleared when it is not valid, when the instruction
 * after VMRUN executes.
 *
 * VMRUN and do_vmexit() change interrupt_request without QEMU's lock, and lose
 * what another thread sets there meanwhile: that the local APIC has an
 * interrupt. If that was the timer's, no other one comes, and the machine stands
 * still. So a machine that has executed VMRUN looks at its APICs every now and
 * then.
 */
#include "qemu/osdep.h"
#include "qemu/qemu-plugin.h"
#include "cpu.h"
#include "svm.h"
#include "block/aio.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "../../qemu/plugin.h"

/* Where VMRUN was seen: a kernel module has it in a handful of places at most. */
#define PLACES 64

#define POLL_MS 20

static uint64_t after_vmrun[PLACES];
static unsigned int places;
static QEMUTimer *poll_timer;

static void poll_apic(CPUState *cpu, run_on_cpu_data data)
{
	apic_poll_irq(X86_CPU(cpu)->apic_state);
}

/* On the processors' own threads, which are the only ones that VMRUN does not race with. */
static void poll_apics(void *opaque)
{
	CPUState *cpu;

	CPU_FOREACH(cpu)
		async_run_on_cpu(cpu, poll_apic, RUN_ON_CPU_NULL);
	timer_mod(poll_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + POLL_MS);
}

static void start_polling(void *opaque)
{
	if (poll_timer)
		return;
	poll_timer = timer_new_ms(QEMU_CLOCK_REALTIME, poll_apics, NULL);
	poll_apics(NULL);
}

static void clear_invalid(unsigned int index, void *data)
{
	CPUState *cpu = qemu_get_cpu(index);
	hwaddr at = cpu_env(cpu)->vm_vmcb + offsetof(struct vmcb, control.exit_int_info);
	uint32_t info = address_space_ldl_le(cpu->as, at, MEMTXATTRS_UNSPECIFIED, NULL);

	if (info && !(info & SVM_EXITINTINFO_VALID))
		address_space_stl_le(cpu->as, at, 0, MEMTXATTRS_UNSPECIFIED, NULL);
}

static bool is_after_vmrun(uint64_t pc)
{
	unsigned int i, count = MIN(qatomic_read(&places), PLACES);

	for (i = 0; i < count; i++)
		if (qatomic_read(&after_vmrun[i]) == pc)
			return true;
	return false;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t vmrun[] = { 0x0f, 0x01, 0xd8 };
	size_t i, count = qemu_plugin_tb_n_insns(tb);
	uint8_t bytes[sizeof(vmrun)];

	if (is_after_vmrun(qemu_plugin_tb_vaddr(tb)))
		qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), clear_invalid,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);

	/* VMRUN ends a block. */
	if (!count)
		return;
	i = count - 1;
	if (qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), bytes, sizeof(bytes)) !=
	    sizeof(vmrun) || memcmp(bytes, vmrun, sizeof(vmrun)))
		return;
	i = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i)) + sizeof(vmrun);
	if (is_after_vmrun(i) || places == PLACES)
		return;
	if (!places)
		aio_bh_schedule_oneshot(qemu_get_aio_context(), start_polling, NULL);
	after_vmrun[places++] = i;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	if (!plugin_version_fits("tcg-svm"))
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
