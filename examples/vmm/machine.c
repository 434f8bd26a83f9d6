// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A machine with one vCPU, in KVM: nothing in it is about CXL, but for EFAULT in run_guest(). */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "cxl_regs.h"
#include "vmm.h"

/* In the guest's RAM. */
#define PML4_GPA	0x1000
#define PDPT_GPA	0x2000
#define PARAMS_GPA	0x3000
#define CODE_GPA	0x10000
#define STACK_GPA	0x80000

#define MAX_FAULTS	1000

/* The section that guest.c is in. */
extern const char __start_guest[], __stop_guest[];

static const struct kvm_cpuid_entry2 *cpuid_leaf(const struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf)
			return &cpuid->entries[i];
	die("KVM knows no CPUID leaf %#x", leaf);
}

static void set_cpuid(struct vmm *vmm)
{
	const unsigned int room = 256;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + room * sizeof(*cpuid->entries));

	cpuid->nent = room;
	must(ioctl(vmm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "CPUID");
	must(ioctl(vmm->vcpu, KVM_SET_CPUID2, cpuid), "CPUID of the guest");
	if (!(cpuid_leaf(cpuid, 0x80000001)->edx & 1 << 26))
		die("this guest needs pages of 1 GiB, which this processor does not have");
	if (vmm->params->place[1] + vmm->mem.size > WINDOW_END ||
	    (vmm->params->place[1] + vmm->mem.size - 1) >>
	    (cpuid_leaf(cpuid, 0x80000008)->eax & 0xff))
		die("the memory is too large for this guest to have two places for it");
	free(cpuid);
}

void make_machine(struct vmm *vmm)
{
	uint64_t align = vmm->map_align > CXLR_HDM_GRANULE ? vmm->map_align : CXLR_HDM_GRANULE;
	int size;

	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm < 0)
		die("/dev/kvm: %m; modprobe kvm_intel or kvm_amd, and look for virtualisation in the firmware setup");
	vmm->vm = must(ioctl(vmm->kvm, KVM_CREATE_VM, 0), "creating a VM");
	vmm->vcpu = must(ioctl(vmm->vm, KVM_CREATE_VCPU, 0), "creating a vCPU");
	size = must(ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "size of the vCPU's state");
	vmm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->vcpu, 0);
	vmm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vmm->run == MAP_FAILED || vmm->ram == MAP_FAILED)
		die("no memory for the guest: %m");
	add_ram(vmm);

	vmm->params = (void *)(vmm->ram + PARAMS_GPA);
	*vmm->params = (struct guest_params) {
		.config = CONFIG_GPA, .bar = vmm->bar_reg, .hdm = vmm->cm + vmm->hdm,
		.dvsec = vmm->dvsec, .bytes = TEST_BYTES,
		.place = { WINDOW_GPA, WINDOW_GPA + (vmm->mem.size + align - 1) / align * align },
	};
	set_cpuid(vmm);
}

/* 64-bit mode, 512 GiB mapped one to one. */
static void reset_vcpu(struct vmm *vmm)
{
	const struct kvm_segment data = {
		.limit = ~0u, .selector = 0x10, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	uint64_t *pml4 = (void *)(vmm->ram + PML4_GPA), *pdpt = (void *)(vmm->ram + PDPT_GPA), i;
	struct kvm_regs regs = {
		.rip = CODE_GPA + ((char *)guest_main - __start_guest),
		.rsp = STACK_GPA - 8, .rdi = PARAMS_GPA, .rflags = 2,
	};
	struct kvm_sregs sregs;

	memcpy(vmm->ram + CODE_GPA, __start_guest, __stop_guest - __start_guest);
	pml4[0] = PDPT_GPA | 0x3;		/* present, writable */
	for (i = 0; i < 512; i++)
		pdpt[i] = i << 30 | 0x83;	/* and a page of 1 GiB */

	must(ioctl(vmm->vcpu, KVM_GET_SREGS, &sregs), "system registers");
	sregs.cr3 = PML4_GPA;
	sregs.cr4 = 0x20;			/* PAE */
	sregs.cr0 = 0x80000031;			/* PG, NE, ET, PE */
	sregs.efer = 0x500;			/* LMA, LME */
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.cs = data;
	sregs.cs.selector = 0x8;
	sregs.cs.type = 11;
	sregs.cs.db = 0;
	sregs.cs.l = 1;
	must(ioctl(vmm->vcpu, KVM_SET_SREGS, &sregs), "system registers");
	must(ioctl(vmm->vcpu, KVM_SET_REGS, &regs), "registers");
}

static void port(struct vmm *vmm, uint32_t *data)
{
	struct timespec now;

	if (vmm->run->io.port == STEP_PORT)
		check_step(vmm, *data);
	else if (vmm->run->io.port == CLOCK_PORT && !clock_gettime(CLOCK_MONOTONIC, &now))
		*data = now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void run_guest(struct vmm *vmm)
{
	struct kvm_run *run = vmm->run;
	unsigned int faults = 0;

	reset_vcpu(vmm);
	for (;;) {
		if (ioctl(vmm->vcpu, KVM_RUN, 0)) {
			if (errno == EFAULT && faults++ < MAX_FAULTS)
				faulted(vmm);
			else if (errno != EINTR && errno != EAGAIN)
				die("running the guest: %m");
			continue;
		}
		faults = 0;
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			forward(vmm, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
				run->mmio.is_write);
			break;
		case KVM_EXIT_IO:
			port(vmm, (void *)((char *)run + run->io.data_offset));
			break;
		case KVM_EXIT_HLT:
			return;
		default:
			die("the guest has stopped, by exit %u of KVM", run->exit_reason);
		}
	}
}
