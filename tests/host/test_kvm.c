// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a guest of KVM reaches the device's memory directly. KVM's
 * leaves are as large as the host's. When the driver revokes the memory, the
 * guest loses it as well, and gets it back afterwards.
 *
 * How: the test is a small VMM, whose guest loads and stores words. KVM's own
 * counters tell the size of its leaves. docs/kvm.md explains the mechanism.
 *
 * Not covered: memory types in an Intel guest: TCG plays an AMD processor. Guests
 * that run an operating system are in tests/guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "accel.h"
#include "harness.h"
#include "kvm.h"
#include "vfio.h"

#define SLOT		1
#define SLOT_GPA	(1 * GIB)
#define SLOT_SIZE	(1 * GIB)
#define STRIDE		(2 * MIB)

struct session {
	struct vfio vfio;
	struct kvm kvm;
	struct leaves before;	/* without any of the device's memory */
	uint8_t *memory;
};

/* Host address, guest address and offset alike modulo 1 GiB, so that no size is ruled out. */
static void setup(struct session *session, uint32_t flags)
{
	struct vfio *vfio = &session->vfio;

	vfio_open(vfio);
	vfio_enable(vfio, true, true);
	session->memory = mmap(vfio_reserve(SLOT_SIZE, GIB), SLOT_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED, vfio->device, vfio->mem.offset);
	check_ne(session->memory, MAP_FAILED);
	kvm_open(&session->kvm, KVM_X86_DEFAULT_VM);
	kvm_map(&session->kvm, SLOT, SLOT_GPA, session->memory, SLOT_SIZE, flags);
	/* The page that the guest's code is in. */
	kvm_load(&session->kvm, 0);
	session->before = kvm_leaves(&session->kvm);
}

static void check_leaves(struct session *session, struct leaves wanted)
{
	struct leaves now = kvm_leaves(&session->kvm);

	check_eq(now.size_4k - session->before.size_4k, wanted.size_4k);
	check_eq(now.size_2m - session->before.size_2m, wanted.size_2m);
	check_eq(now.size_1g - session->before.size_1g, wanted.size_1g);
}

static void host_write(struct session *session, uint64_t offset, uint32_t value)
{
	vfio_write(&session->vfio, &session->vfio.mem, offset, &value, sizeof(value));
}

static void test_guest_and_host_share_bytes(void)
{
	static const uint32_t places[] = { 0, 8, 4096, 0x200000, 0x1fffffc, 0x3ffffffc };
	struct session session;
	size_t i;

	setup(&session, 0);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		uint32_t value = 0x12345678 + i;

		host_write(&session, places[i], value);
		check_eq(kvm_load(&session.kvm, SLOT_GPA + places[i]), value);
		kvm_store(&session.kvm, SLOT_GPA + places[i], ~value);
		check_eq(vfio_read32(&session.vfio, &session.vfio.mem, places[i]), ~value);
		check_eq(*(volatile uint32_t *)(session.memory + places[i]), ~value);
	}
}

/* As large as the host's own: a word of each 2 MiB touches all that can be told apart. */
static void test_leaves_as_large_as_hosts(void)
{
	const unsigned int words = SLOT_SIZE / STRIDE;
	struct leaves wanted = { };
	struct session session;
	unsigned int i, sum = 0;

	setup(&session, 0);
	check_leaves(&session, (struct leaves) { });
	for (i = 0; i < words; i++) {
		host_write(&session, i * STRIDE, i * i + 1);
		sum += i * i + 1;
	}
	check_eq(kvm_sum(&session.kvm, SLOT_GPA, words, STRIDE), sum);

	if (session.vfio.backing != VFIO_CXL_BACKING_FOLIO || session.vfio.granule == GIB)
		wanted.size_1g = 1;
	else if (session.vfio.granule == 2 * MIB)
		wanted.size_2m = words;
	else
		wanted.size_4k = words;
	check_leaves(&session, wanted);
}

/* Memory that the driver takes away is gone from the guest too, and comes back. */
static void test_revoked_memory_comes_back(void)
{
	struct session session;
	uint32_t value;

	setup(&session, 0);
	host_write(&session, STRIDE, 1);
	check_eq(kvm_load(&session.kvm, SLOT_GPA + STRIDE), 1);
	vfio_enable(&session.vfio, false, false);
	check_leaves(&session, (struct leaves) { });
	check_eq(__kvm_load(&session.kvm, SLOT_GPA + STRIDE, &value), -EFAULT);
	check_leaves(&session, (struct leaves) { });
	vfio_enable(&session.vfio, true, false);
	check_eq(kvm_load(&session.kvm, SLOT_GPA + STRIDE), 1);

	check_eq(__vfio_reset(&session.vfio), 0);
	vfio_enable(&session.vfio, true, false);
	check_leaves(&session, (struct leaves) { });
	kvm_store(&session.kvm, SLOT_GPA + STRIDE, 2);
	check_eq(vfio_read32(&session.vfio, &session.vfio.mem, STRIDE), 2);
}

/* KVM takes a page of a VMM that tracks its own writes for RAM, and not for ROM. */
static void test_stores_after_clear_refs(void)
{
	struct session session;

	setup(&session, 0);
	host_write(&session, STRIDE, 1);
	write_file("/proc/self/clear_refs", "4");
	vfio_enable(&session.vfio, false, false);
	vfio_enable(&session.vfio, true, false);
	check_eq(kvm_load(&session.kvm, SLOT_GPA + STRIDE), 1);
	kvm_store(&session.kvm, SLOT_GPA + STRIDE, 2);
	check_eq(vfio_read32(&session.vfio, &session.vfio.mem, STRIDE), 2);
}

/* The numbers of the pages that were written since the last call; how many there are. */
static unsigned int dirty_pages(struct session *session, uint64_t *pages, unsigned int max)
{
	uint64_t *bitmap = calloc(SLOT_SIZE / PAGE / 64, sizeof(*bitmap)), page;
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };
	unsigned int count = 0;

	check_eq(ioctl(session->kvm.vm, KVM_GET_DIRTY_LOG, &log), 0);
	for (page = 0; page < SLOT_SIZE / PAGE; page++)
		if (bitmap[page / 64] >> page % 64 & 1 && count++ < max)
			pages[count - 1] = page;
	free(bitmap);
	return count;
}

static void fill_by_device(struct session *session, uint64_t offset, uint32_t len)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_FILL, .flags = CXL_ACCEL_FLAG_DST_OWN, .dst = offset,
		.length = len, .pattern = 7,
	};
	struct accel accel;

	accel_open(&accel, &session->vfio);
	check_eq(accel_run(&accel, &desc), 0);
}

/* KVM logs what its processors write, and nothing else: not the host, not the device. */
static void test_dirty_log_has_guest_writes(void)
{
	const uint64_t page = 1234;
	struct session session;
	uint64_t dirty = 0;

	setup(&session, KVM_MEM_LOG_DIRTY_PAGES);
	/* A page that is only read counts as well, since KVM maps it for writing at once. */
	kvm_load(&session.kvm, SLOT_GPA);
	dirty_pages(&session, &dirty, 1);
	kvm_load(&session.kvm, SLOT_GPA);
	check_eq(dirty_pages(&session, &dirty, 1), 0);
	kvm_store(&session.kvm, SLOT_GPA + page * PAGE, 1);
	check_eq(dirty_pages(&session, &dirty, 1), 1);
	check_eq(dirty, page);
	check_eq(dirty_pages(&session, &dirty, 1), 0);
	kvm_store(&session.kvm, SLOT_GPA + page * PAGE, 2);
	check_eq(dirty_pages(&session, &dirty, 1), 1);

	session.memory[2 * page * PAGE] = 3;
	fill_by_device(&session, 3 * page * PAGE, PAGE);
	check_eq(vfio_read32(&session.vfio, &session.vfio.mem, 3 * page * PAGE) & 0xff, 7);
	check_eq(dirty_pages(&session, &dirty, 1), 0);
}

/* A mapping that is made anew elsewhere: no leaf of the one before stays. */
static void test_munmap_leaves_no_leaf(void)
{
	struct session session;
	uint32_t value;

	setup(&session, 0);
	host_write(&session, 0, 5);
	check_eq(kvm_load(&session.kvm, SLOT_GPA), 5);
	check_eq(munmap(session.memory, SLOT_SIZE), 0);
	check_leaves(&session, (struct leaves) { });
	check_eq(__kvm_load(&session.kvm, SLOT_GPA, &value), -EFAULT);
}

const struct test tests[] = {
	{ "guest_and_host_share_bytes", test_guest_and_host_share_bytes },
	{ "leaves_as_large_as_hosts", test_leaves_as_large_as_hosts },
	{ "revoked_memory_comes_back", test_revoked_memory_comes_back },
	{ "stores_after_clear_refs", test_stores_after_clear_refs },
	{ "dirty_log_has_guest_writes", test_dirty_log_has_guest_writes },
	{ "munmap_leaves_no_leaf", test_munmap_leaves_no_leaf },
	{ }
};
