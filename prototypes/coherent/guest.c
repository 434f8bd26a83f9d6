// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "guest.h"
#include "harness.h"

#define CODE_GPA	0x1000
#define MEMORY_GPA	0x10000

/* Real mode; bx is 0, ds the memory. */
static const uint8_t code[] = {
	0xfe, 0x07,			/* incb (%bx) */
	0x81, 0xc3, 0x00, 0x10,		/* addw $0x1000, %bx */
	0x75, 0xf8,			/* jnz to the start, until bx has wrapped */
	0xf4,				/* hlt */
};

static void add_memory(struct guest *guest, unsigned int slot, uint64_t gpa, void *at, size_t len)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = len,
		.userspace_addr = (uintptr_t)at,
	};

	check_eq(ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region), 0);
}

void guest_make(struct guest *guest, uint8_t *memory)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_sregs sregs;
	void *page;

	check(kvm >= 0);
	guest->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	check(guest->vm >= 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(page != MAP_FAILED);
	memcpy(page, code, sizeof(code));
	add_memory(guest, 0, CODE_GPA, page, PAGE);
	add_memory(guest, 1, MEMORY_GPA, memory, GUEST_BYTES);

	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	check(guest->vcpu >= 0);
	guest->run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			  MAP_SHARED, guest->vcpu, 0);
	check(guest->run != MAP_FAILED);
	check_eq(ioctl(guest->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = MEMORY_GPA;
	sregs.ds.selector = MEMORY_GPA >> 4;
	check_eq(ioctl(guest->vcpu, KVM_SET_SREGS, &sregs), 0);
}

void guest_run(struct guest *guest)
{
	struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };

	check_eq(ioctl(guest->vcpu, KVM_SET_REGS, &regs), 0);
	check_eq(ioctl(guest->vcpu, KVM_RUN, 0), 0);
	check_eq(guest->run->exit_reason, KVM_EXIT_HLT);
}
