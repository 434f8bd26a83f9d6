// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a process of several threads may exit while it has the device's
 * memory mapped. Nothing stays behind, and the next process can use the device.
 *
 * How: children map 1 GiB, touch each 2 MiB of it, start up to three threads, and
 * exit without an unmap. The kernel's log must have no splat.
 *
 * Not covered: processes that a signal kills: test_clear.c kills them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "vfio.h"

static void *wait_for_ever(void *data)
{
	for (;;)
		pause();
	return data;
}

static void use(unsigned int threads)
{
	struct vfio vfio;
	uint8_t *memory;
	pthread_t thread;
	uint64_t at;

	vfio_open(&vfio);
	memory = mmap(vfio_reserve(GIB, GIB), GIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      vfio.device, vfio.mem.offset);
	check_ne(memory, MAP_FAILED);
	while (threads--)
		check_eq(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
	for (at = 0; at < GIB; at += 2 * MIB)
		memory[at] = 1;
	exit(0);
}

static void test_threads_exit_while_mapped(void)
{
	unsigned int i;
	int status;

	for (i = 0; i < cycles / 15; i++) {
		pid_t child = fork();

		if (!child)
			use(i % 4);
		check_eq(waitpid(child, &status, 0), child);
		check_eq(status, 0);
	}
}

const struct test tests[] = {
	{ "threads_exit_while_mapped", test_threads_exit_while_mapped, 300 },
	{ }
};
