// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM in a machine of the lab's can run guests. Four faults of QEMU 10.0 are
 * mended here:
 *
 * AMD's manual (volume 2, 15.7.2) has EXITINTINFO hold an event only when its
 * valid bit is set. do_vmexit() leaves the type and vector there of the last
 * exception that the guest took since VMRUN, with the valid bit clear. KVM's
 * svm_check_emulate_instruction() looks at the type alone, and stops the guest
 * with "KVM internal error. Suberror: 3" at the next access that it emulates.
 * Here the whole field is cleared when it is not valid, when the instruction
 * after VMRUN executes.
 *
 * When VMRUN injects an interrupt, helper_vmrun() delivers it, and leaves its
 * vector in exception_index as well. If something then wants the processor to
 * leave cpu_exec(), cpu_handle_exception() delivers the same vector once more,
 * whether the guest has interrupts enabled or not: its handler waits for the
 * lock that the interrupted code holds.
 *
 * VMRUN and do_vmexit() change interrupt_request without QEMU's lock, and lose
 * what another thread sets there meanwhile: that the local APIC has an
 * interrupt. If that was the timer's, no other one comes, and the machine stands
 * still.
 *
 * A processor that looks at its local APIC right after VMRUN and right after
 * #VMEXIT finds what was lost; and having looked, cpu_handle_interrupt() clears
 * exception_index before anything looks at that. But it sees to one thing at a time,
 * and next when it comes out of the translated code. A virtual interrupt (V_IRQ)
 * would wait, for ever if the guest always leaves before that, so it comes out at once
 * (and another processor, if that is busy, has its turn of 100 ms first).
 *
 * A guest that writes CR8, as OVMF does, while a virtual interrupt waits has
 * helper_write_crN() raise that again without QEMU's lock, and tcg_handle_interrupt() ends
 * QEMU by an assertion. Here a thread takes the lock there if it has not got it.
 */
#include "mend.h"
#include "cpu.h"
#include "svm.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "qemu/main-loop.h"
#include "system/accel-ops.h"

/* Where VMRUN was seen: a kernel module has it in a handful of places at most. */
#define PLACES 64

static uint64_t after_vmrun[PLACES];
static unsigned int places;

/* Look at the local APIC before the next block of instructions. */
static void poll_apic(CPUState *cpu)
{
	bql_lock();
	cpu_interrupt(cpu, CPU_INTERRUPT_POLL);
	bql_unlock();
}

/*
 * The index that a callback gets is not the processor's: where all processors have
 * one thread, plugin-gen.c puts in that of the one for which it translates, and
 * the others execute the same translation.
 */
static void vmrun(unsigned int index, void *data)
{
	CPUState *cpu = current_cpu;
	hwaddr at = cpu_env(cpu)->regs[R_EAX] + offsetof(struct vmcb, control.int_ctl);

	poll_apic(cpu);
	if (address_space_ldl_le(cpu->as, at, MEMTXATTRS_UNSPECIFIED, NULL) & V_IRQ_MASK)
		cpu_exit(cpu);
}

static void vmexit(unsigned int index, void *data)
{
	CPUState *cpu = current_cpu;
	hwaddr at = cpu_env(cpu)->vm_vmcb + offsetof(struct vmcb, control.exit_int_info);
	uint32_t info = address_space_ldl_le(cpu->as, at, MEMTXATTRS_UNSPECIFIED, NULL);

	if (info && !(info & SVM_EXITINTINFO_VALID))
		address_space_stl_le(cpu->as, at, 0, MEMTXATTRS_UNSPECIFIED, NULL);
	poll_apic(cpu);
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
	static const uint8_t opcode[] = { 0x0f, 0x01, 0xd8 };
	size_t i, count = qemu_plugin_tb_n_insns(tb);
	uint8_t bytes[sizeof(opcode)];

	if (is_after_vmrun(qemu_plugin_tb_vaddr(tb)))
		qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), vmexit,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);

	/* VMRUN ends a block. */
	if (!count)
		return;
	i = count - 1;
	if (qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), bytes, sizeof(bytes)) !=
	    sizeof(opcode) || memcmp(bytes, opcode, sizeof(opcode)))
		return;
	qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), vmrun,
					       QEMU_PLUGIN_CB_R_REGS, NULL);
	i = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i)) + sizeof(opcode);
	if (is_after_vmrun(i) || places == PLACES)
		return;
	after_vmrun[places++] = i;
}

static void (*handle_interrupt)(CPUState *cpu, int mask);

static void handle_with_lock(CPUState *cpu, int mask)
{
	BQL_LOCK_GUARD();
	handle_interrupt(cpu, mask);
}

/* The accelerator has its functions when it makes the first processor. */
static void processor_made(qemu_plugin_id_t id, unsigned int index)
{
	AccelOpsClass *ops = ACCEL_OPS_CLASS(object_class_by_name(ACCEL_OPS_NAME("tcg")));

	if (handle_interrupt)
		return;
	handle_interrupt = ops->handle_interrupt;
	ops->handle_interrupt = handle_with_lock;
}

void mend_svm(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_init_cb(id, processor_made);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}
