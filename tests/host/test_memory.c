// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the bytes of the memory region are the same by read(), by
 * write(), by mmap() and for the accelerator. Every process that has the device
 * sees them. No process reaches them while the memory is not safe to touch.
 *
 * How: the test moves odd pieces at odd offsets, and passes the file and the
 * mapping to other processes. It takes the memory away by COMMAND, by the power
 * state, and by Memory_Active.
 *
 * Not covered: how many faults a mapping takes, and which mappings fail:
 * test_mmap.c. Resets: test_reset.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define WINDOW	(4 * MIB)	/* of the memory, mapped by most tests here */

/* Odd places and lengths; the driver copies 64 KiB at a time. */
static const struct {
	uint64_t offset;
	size_t len;
} pieces[] = {
	{ 0, 1 }, { 1, 1 }, { 3, 2 }, { 5, 7 }, { 4095, 2 }, { 4093, 8 },
	{ 1, 4096 }, { 65535, 2 }, { 65529, 65551 }, { 7, 200003 },
	{ 2 * MIB - 3, 4099 }, { 0, 65536 },
};

static void test_read_write_any_piece(void)
{
	uint8_t *want, *got, *window;
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	want = malloc(WINDOW);
	got = malloc(WINDOW);
	fill_random(want, WINDOW, 1);
	vfio_write(&vfio, &vfio.mem, 0, want, WINDOW);

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		uint64_t offset = pieces[i].offset;
		size_t len = pieces[i].len;

		vfio_read(&vfio, &vfio.mem, offset, got, len);
		check_mem_eq(got, want + offset, len);
		fill_random(want + offset, len, i + 2);
		vfio_write(&vfio, &vfio.mem, offset, want + offset, len);
		vfio_read(&vfio, &vfio.mem, offset, got, len);
		check_mem_eq(got, want + offset, len);
	}
	/* What lies between and beside them is as it was. */
	check_mem_eq(window, want, WINDOW);
}

static void test_access_at_region_end(void)
{
	uint8_t want[100], got[100];
	struct vfio vfio;
	uint64_t size;

	vfio_open(&vfio);
	size = vfio.mem.size;
	fill_random(want, sizeof(want), 3);
	check_eq(__vfio_write(&vfio, &vfio.mem, size - 37, want, sizeof(want)), 37);
	check_eq(__vfio_read(&vfio, &vfio.mem, size - 37, got, sizeof(got)), 37);
	check_mem_eq(got, want, 37);

	check_eq(__vfio_read(&vfio, &vfio.mem, size, got, 1), -EINVAL);
	check_eq(__vfio_write(&vfio, &vfio.mem, size, want, 1), -EINVAL);
	check_eq(__vfio_read(&vfio, &vfio.mem, size + GIB, got, 4), -EINVAL);
	check_eq(__vfio_write(&vfio, &vfio.mem, size + GIB, want, 4), -EINVAL);
}

static void test_bad_pointer(void)
{
	uint8_t want[64], got[64];
	void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio vfio;

	vfio_open(&vfio);
	fill_random(want, sizeof(want), 4);
	vfio_write(&vfio, &vfio.mem, 0, want, sizeof(want));
	check_eq(__vfio_read(&vfio, &vfio.mem, 0, nowhere, sizeof(want)), -EFAULT);
	check_eq(__vfio_write(&vfio, &vfio.mem, 0, nowhere, sizeof(want)), -EFAULT);
	vfio_read(&vfio, &vfio.mem, 0, got, sizeof(got));
	check_mem_eq(got, want, sizeof(got));
}

/* Each of the three writes; the other two see it. */
static void test_mmap_read_engine_agree(void)
{
	const uint64_t here = 3 * PAGE, there = MIB;
	const size_t len = 3 * PAGE;
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_CRC32C, .flags = CXL_ACCEL_FLAG_SRC_OWN,
		.src = here, .length = len,
	};
	struct accel accel;
	struct vfio vfio;
	uint8_t *window, *want, *got;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	want = malloc(len);
	got = malloc(len);

	fill_random(want, len, 5);
	memcpy(window + here, want, len);
	vfio_read(&vfio, &vfio.mem, here, got, len);
	check_mem_eq(got, want, len);
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	check_eq(desc.result, crc32c(want, len));

	fill_random(want, len, 6);
	vfio_write(&vfio, &vfio.mem, here, want, len);
	check_mem_eq(window + here, want, len);
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	check_eq(desc.result, crc32c(want, len));

	desc = (struct cxl_accel_desc) {
		.op = CXL_ACCEL_OP_COPY, .flags = CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_DST_OWN,
		.src = here, .dst = there, .length = len,
	};
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	check_mem_eq(window + there, want, len);
	vfio_read(&vfio, &vfio.mem, there, got, len);
	check_mem_eq(got, want, len);
}

/* The engine counts by DPA: the region's last byte is the memory's last byte. */
static void test_engine_agrees_at_region_end(void)
{
	const size_t len = PAGE;
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_FILL, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.length = len, .pattern = 0x0123456789abcdef,
	};
	uint64_t got[PAGE / 8];
	struct accel accel;
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	desc.dst = vfio.mem.size - len;
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	vfio_read(&vfio, &vfio.mem, desc.dst, got, len);
	for (i = 0; i < ARRAY_SIZE(got); i++)
		check_eq(got[i], desc.pattern);
	check_eq(*(uint64_t *)vfio_mmap(&vfio, &vfio.mem, desc.dst, len), desc.pattern);
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { }, byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	check_eq(sendmsg(socket, &message, 0), 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	check_eq(recvmsg(socket, &message, 0), 1);
	check(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Reads what the other side wrote, and answers in the second half of the page. */
static void answer(uint8_t *page, uint64_t seed)
{
	uint8_t want[PAGE / 2];

	fill_random(want, sizeof(want), seed);
	check_mem_eq(page, want, sizeof(want));
	fill_random(page + sizeof(want), sizeof(want), seed + 1);
}

static void check_answer(const uint8_t *page, pid_t pid, uint64_t seed)
{
	uint8_t want[PAGE / 2];
	int status;

	check_eq(waitpid(pid, &status, 0), pid);
	check_eq(status, 0);
	fill_random(want, sizeof(want), seed + 1);
	check_mem_eq(page + sizeof(want), want, sizeof(want));
}

/* The file goes to a process that was there before the device was opened. */
static void test_passed_file_descriptor(void)
{
	struct vfio vfio = { }, theirs;
	int sockets[2];
	uint8_t *page;
	pid_t pid;

	check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	pid = fork();
	if (!pid) {
		check_eq(read(sockets[1], &theirs, sizeof(theirs)), sizeof(theirs));
		theirs.device = receive_fd(sockets[1]);
		answer(vfio_mmap(&theirs, &theirs.mem, 0, PAGE), 20);
		_exit(0);
	}
	vfio_open(&vfio);
	page = vfio_mmap(&vfio, &vfio.mem, 0, PAGE);
	fill_random(page, PAGE / 2, 20);
	check_eq(write(sockets[0], &vfio, sizeof(vfio)), sizeof(vfio));
	send_fd(sockets[0], vfio.device);
	check_answer(page, pid, 20);
}

/* The memory cannot be reached in any way: not by a page touched before, not by a new one. */
static void check_unreachable(struct vfio *vfio, const uint8_t *touched, const uint8_t *untouched)
{
	uint8_t byte = 0, buf[8];

	check_eq(__vfio_read(vfio, &vfio->mem, 0, buf, sizeof(buf)), -EIO);
	check_eq(__vfio_write(vfio, &vfio->mem, 0, buf, sizeof(buf)), -EIO);
	check(!load(touched, &byte));
	check(!load(untouched, &byte));
}

static void check_reachable(struct vfio *vfio, const uint8_t *mapped, uint64_t offset)
{
	uint8_t by_load, by_read;

	check(load(mapped, &by_load));
	vfio_read(vfio, &vfio->mem, offset, &by_read, 1);
	check_eq(by_load, by_read);
}

static void test_unreachable_while_disabled(void)
{
	struct vfio vfio;
	uint8_t *window, byte;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	window[5] = 0x5a;

	vfio_enable(&vfio, false, false);
	check_unreachable(&vfio, window, window + 2 * MIB);
	vfio_enable(&vfio, true, false);
	check(load(window + 5, &byte));
	check_eq(byte, 0x5a);
	check_reachable(&vfio, window + 5, 5);
	check_reachable(&vfio, window + 2 * MIB, 2 * MIB);
}

/* A mapping made while memory is off is good as soon as it is on. */
static void test_mapped_while_disabled(void)
{
	struct vfio vfio;
	uint8_t *window;

	vfio_open(&vfio);
	vfio_enable(&vfio, false, false);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	check_unreachable(&vfio, window, window);
	vfio_enable(&vfio, true, false);
	check_reachable(&vfio, window, 0);
}

/* The user's power state is virtual: the device stays in D0, with what it has. */
static void test_unreachable_in_d3hot(void)
{
	const uint16_t d0 = 0, d2 = 2, d3hot = 3, keeps = PCI_PM_CTRL_NO_SOFT_RESET;
	struct vfio vfio;
	uint8_t *window, byte;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	window[6] = 0x6b;
	vfio_set_power(&vfio, d3hot);
	check_unreachable(&vfio, window, window + 2 * MIB);
	check_eq(config_read(&vfio, PM_AT + PCI_PM_CTRL, 2), keeps | d3hot);
	check_eq(qmp_get("power-state"), d0);
	vfio_set_power(&vfio, d2);
	check_eq(config_read(&vfio, PM_AT + PCI_PM_CTRL, 2), keeps | d3hot);
	vfio_set_power(&vfio, d0);
	check_eq(config_read(&vfio, PM_AT + PCI_PM_CTRL, 2), keeps | d0);
	check(load(window + 6, &byte));
	check_eq(byte, 0x6b);
}

/* As a reset of the function has it in D0, whichever way it was put into D3hot. */
static void test_reset_ends_d3hot(void)
{
	static int (* const resets[])(struct vfio *vfio) = { __vfio_reset, __vfio_hot_reset };
	struct vfio vfio;
	uint8_t *window;
	size_t i;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		vfio_set_power(&vfio, 3);
		check_unreachable(&vfio, window, window);
		check_eq(resets[i](&vfio), 0);
		vfio_enable(&vfio, true, false);
		check_reachable(&vfio, window, 0);
	}
	vfio_set_power(&vfio, 3);
	munmap(window, WINDOW);
	vfio_close(&vfio);
	vfio_open(&vfio);
	check_eq(config_read(&vfio, PM_AT + PCI_PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET);
}

/* Only new accesses can be refused here: the device tells nobody of the change. */
static void test_refused_while_inactive(void)
{
	uint8_t byte = 0, *window;
	ssize_t ret;
	bool loaded;
	struct vfio vfio;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	qmp_set("mem-active", false);
	ret = __vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	loaded = load(window, &byte);
	qmp_set("mem-active", true);
	check_eq(ret, -EIO);
	check(!loaded);
	check_reachable(&vfio, window, 0);
}

/* 8.1.3.8.2: memory that is degraded is not active, and can be used. */
static void test_reached_while_degraded(void)
{
	uint8_t byte = 0, *window;
	bool loaded, bound;
	ssize_t ret;
	struct vfio vfio;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	qmp_set("mem-degraded", true);
	ret = __vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	loaded = load(window, &byte);
	munmap(window, WINDOW);
	vfio_close(&vfio);

	/* It may be so before the driver comes. */
	pci_unbind(pci_accel());
	bound = !__pci_bind(pci_accel());
	qmp_set("mem-degraded", false);
	check_eq(ret, 1);
	check(loaded);
	check(bound);
	write_file(pci_path(pci_accel(), "power/control"), "on");
}

/* The buffer of a write to COMMAND and PMCSR lies in the memory that the write takes away. */
static void test_config_write_reads_own_memory(void)
{
	struct vfio vfio;
	uint8_t *window;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	vfio_enable(&vfio, true, false);
	window[0] = 0;
	window[1] = 0;
	check_eq(__vfio_write(&vfio, &vfio.config, PCI_COMMAND, window, 2), 2);
	check_unreachable(&vfio, window, window);
	vfio_enable(&vfio, true, false);
	window[0] = 3;
	check_eq(__vfio_write(&vfio, &vfio.config, PM_AT + PCI_PM_CTRL, window, 2), 2);
	check_unreachable(&vfio, window, window);
	vfio_set_power(&vfio, 0);
	check_reachable(&vfio, window, 0);
}

const struct test tests[] = {
	{ "read_write_any_piece", test_read_write_any_piece },
	{ "access_at_region_end", test_access_at_region_end },
	{ "bad_pointer", test_bad_pointer },
	{ "mmap_read_engine_agree", test_mmap_read_engine_agree },
	{ "engine_agrees_at_region_end", test_engine_agrees_at_region_end },
	{ "passed_file_descriptor", test_passed_file_descriptor },
	{ "unreachable_while_disabled", test_unreachable_while_disabled },
	{ "mapped_while_disabled", test_mapped_while_disabled },
	{ "unreachable_in_d3hot", test_unreachable_in_d3hot },
	{ "reset_ends_d3hot", test_reset_ends_d3hot },
	{ "refused_while_inactive", test_refused_while_inactive },
	{ "reached_while_degraded", test_reached_while_degraded },
	{ "config_write_reads_own_memory", test_config_write_reads_own_memory },
	{ }
};
