/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of KVM's without a VMM: one processor that loads and stores where it
 * is told to, in 32-bit mode without paging, and stops after each order.
 *
 * Functions that start with two underscores return a negative errno; those
 * without fail the test instead.
 */
#ifndef TEST_KVM_H
#define TEST_KVM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

struct kvm {
	int kvm;
	int vm;
	int vcpu;
	struct kvm_run *run;
};

/* Leaves of the second stage of translation, by size. */
struct leaves {
	unsigned long size_4k, size_2m, size_1g;
};

/* @type: KVM_X86_DEFAULT_VM, or another that the kernel has. */
int __kvm_open(struct kvm *kvm, unsigned long type);
void kvm_open(struct kvm *kvm, unsigned long type);
void kvm_close(struct kvm *kvm);
int kvm_cap(struct kvm *kvm, unsigned long cap);

/* Host memory in a slot. Slot 0 is the guest's code. */
void kvm_map(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
	     uint32_t flags);
/* And memory of a guest_memfd: for what is private, or for all, if it can be mapped. */
int __kvm_map_memfd(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		    int memfd);
void kvm_map_memfd(struct kvm *kvm, uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		   int memfd);
int __kvm_memfd(struct kvm *kvm, uint64_t size, uint64_t flags);
int __kvm_set_private(struct kvm *kvm, uint64_t gpa, uint64_t size, int private);

/* By the guest. An error is KVM's, which found no page there. */
int __kvm_load(struct kvm *kvm, uint32_t gpa, uint32_t *value);
uint32_t kvm_load(struct kvm *kvm, uint32_t gpa);
void kvm_store(struct kvm *kvm, uint32_t gpa, uint32_t value);
/* The sum of @count words, each @stride bytes after the one before. */
uint32_t kvm_sum(struct kvm *kvm, uint32_t gpa, uint32_t count, uint32_t stride);

/*
 * It takes interrupts, accesses registers at @gpa, and does nothing else. How often, at
 * most @max, from when KVM is asked to say when it can take an interrupt until it says so?
 */
unsigned int kvm_wait_for_window(struct kvm *kvm, uint32_t gpa, unsigned int max);

struct leaves kvm_leaves(struct kvm *kvm);

/* The guest's code, for kvm.c alone: from guest_code to guest_end, with an entry for each call. */
extern const uint8_t guest_code[], guest_load[], guest_store[], guest_sum[], guest_touch[],
	guest_end[];

#endif
