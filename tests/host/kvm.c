// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "kvm.h"

#define CODE_SLOT	0

/* What the guest can be told to do: with EBX an address, EAX a value. */
asm(".pushsection .rodata\n"
	".code32\n"
	"guest_code:\n"
	"guest_load:	mov (%ebx), %eax\n"
	"		hlt\n"
	"guest_store:	mov %eax, (%ebx)\n"
	"		hlt\n"
	/* ECX words, EDX bytes apart. */
	"guest_sum:	xor %eax, %eax\n"
	"1:		add (%ebx), %eax\n"
	"		add %edx, %ebx\n"
	"		dec %ecx\n"
	"		jnz 1b\n"
	"		hlt\n"
	"guest_touch:	mov (%ebx), %eax\n"
	"		jmp guest_touch\n"
	"guest_end:\n"
	".code64\n"
	".popsection\n");

static int __ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int must(int ret, const char *what)
{
	check_msg(ret >= 0, "%s: %s", what, strerror(-ret));
	return ret;
}

/* Protected mode, with segments of 4 GiB. */
static void set_mode(struct kvm *kvm)
{
	const struct kvm_segment data = {
		.limit = ~0u, .selector = 0x10, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	must(__ioctl(kvm->vcpu, KVM_GET_SREGS, &sregs), "system registers");
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.cs = data;
	sregs.cs.selector = 0x8;
	sregs.cs.type = 11;
	sregs.cr0 |= 1;
	must(__ioctl(kvm->vcpu, KVM_SET_SREGS, &sregs), "system registers");
}

static void add_code(struct kvm *kvm)
{
	void *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check_ne(code, MAP_FAILED);
	memcpy(code, guest_code, guest_end - guest_code);
	kvm_map(kvm, CODE_SLOT, 0, code, PAGE, 0);
}

int __kvm_open(struct kvm *kvm, unsigned long type)
{
	int size;

	kvm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->kvm < 0)
		return -errno;
	kvm->vm = __ioctl(kvm->kvm, KVM_CREATE_VM, (void *)type);
	if (kvm->vm < 0)
		return kvm->vm;
	kvm->vcpu = must(__ioctl(kvm->vm, KVM_CREATE_VCPU, NULL), "a vCPU");
	size = must(__ioctl(kvm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL), "its size");
	kvm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, kvm->vcpu, 0);
	check_ne(kvm->run, MAP_FAILED);
	set_mode(kvm);
	add_code(kvm);
	return 0;
}

void kvm_open(struct kvm *kvm, unsigned long type)
{
	must(__kvm_open(kvm, type), "a VM of KVM's");
}

void kvm_close(struct kvm *kvm)
{
	munmap(kvm->run, __ioctl(kvm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL));
	close(kvm->vcpu);
	close(kvm->vm);
	close(kvm->kvm);
}

int kvm_cap(struct kvm *kvm, unsigned long cap)
{
	return must(__ioctl(kvm->vm, KVM_CHECK_EXTENSION, (void *)cap), "a capability");
}

void kvm_map(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
	     uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	must(__ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &region), "memory slot");
}

int __kvm_map_memfd(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		    int memfd)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = slot, .flags = KVM_MEM_GUEST_MEMFD, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)memory, .guest_memfd = memfd,
	};

	return __ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION2, &region);
}

void kvm_map_memfd(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		   int memfd)
{
	must(__kvm_map_memfd(kvm, slot, gpa, memory, size, memfd), "memory slot of a guest_memfd");
}

int __kvm_memfd(struct kvm *kvm, uint64_t size, uint64_t flags)
{
	struct kvm_create_guest_memfd create = { .size = size, .flags = flags };

	return __ioctl(kvm->vm, KVM_CREATE_GUEST_MEMFD, &create);
}

int __kvm_set_private(struct kvm *kvm, uint64_t gpa, uint64_t size, int private)
{
	struct kvm_memory_attributes attributes = {
		.address = gpa, .size = size,
		.attributes = private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};

	return __ioctl(kvm->vm, KVM_SET_MEMORY_ATTRIBUTES, &attributes);
}

static int __run_on(struct kvm *kvm)
{
	int ret;

	do
		ret = __ioctl(kvm->vcpu, KVM_RUN, NULL);
	while (ret == -EINTR || ret == -EAGAIN);
	return ret;
}

/* Until it halts. */
static int __run(struct kvm *kvm, const uint8_t *code, struct kvm_regs *regs)
{
	int ret;

	regs->rip = code - guest_code;
	regs->rflags = 2;
	must(__ioctl(kvm->vcpu, KVM_SET_REGS, regs), "registers");
	ret = __run_on(kvm);
	if (ret < 0)
		return ret;
	check_eq(kvm->run->exit_reason, KVM_EXIT_HLT);
	must(__ioctl(kvm->vcpu, KVM_GET_REGS, regs), "registers");
	return 0;
}

int __kvm_load(struct kvm *kvm, uint32_t gpa, uint32_t *value)
{
	struct kvm_regs regs = { .rbx = gpa };
	int ret = __run(kvm, guest_load, &regs);

	*value = regs.rax;
	return ret;
}

uint32_t kvm_load(struct kvm *kvm, uint32_t gpa)
{
	uint32_t value;

	must(__kvm_load(kvm, gpa, &value), "a load of the guest's");
	return value;
}

void kvm_store(struct kvm *kvm, uint32_t gpa, uint32_t value)
{
	struct kvm_regs regs = { .rbx = gpa, .rax = value };

	must(__run(kvm, guest_store, &regs), "a store of the guest's");
}

uint32_t kvm_sum(struct kvm *kvm, uint32_t gpa, uint32_t count, uint32_t stride)
{
	struct kvm_regs regs = { .rbx = gpa, .rcx = count, .rdx = stride };

	must(__run(kvm, guest_sum, &regs), "loads of the guest's");
	return regs.rax;
}

unsigned int kvm_wait_for_window(struct kvm *kvm, uint32_t gpa, unsigned int max)
{
	struct kvm_regs regs = { .rbx = gpa, .rip = guest_touch - guest_code, .rflags = 0x202 };
	unsigned int i, count = 0;

	must(__ioctl(kvm->vcpu, KVM_SET_REGS, &regs), "registers");
	for (i = 0; i < max; i++) {
		must(__run_on(kvm), "accesses of the guest's");
		check_eq(kvm->run->exit_reason, KVM_EXIT_MMIO);
	}
	kvm->run->request_interrupt_window = 1;
	do
		must(__run_on(kvm), "accesses of the guest's");
	while (kvm->run->exit_reason == KVM_EXIT_MMIO && ++count < max);
	kvm->run->request_interrupt_window = 0;
	if (count < max)
		check_eq(kvm->run->exit_reason, KVM_EXIT_IRQ_WINDOW_OPEN);
	return count;
}

static unsigned long statistic(struct kvm *kvm, const char *name)
{
	unsigned long value;
	char path[128], *text;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(), kvm->vm, name);
	text = read_file(path);
	value = strtoul(text, NULL, 10);
	free(text);
	return value;
}

struct leaves kvm_leaves(struct kvm *kvm)
{
	return (struct leaves) {
		.size_4k = statistic(kvm, "pages_4k"),
		.size_2m = statistic(kvm, "pages_2m"),
		.size_1g = statistic(kvm, "pages_1g"),
	};
}
