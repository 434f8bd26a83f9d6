// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"

#define RAM_BAR		2	/* of ivshmem-plain */
#define HUGE_SHIFT	26	/* MAP_HUGE_SHIFT */

static const char * const kinds[] = {
	[MEMORY_CXL] = "cxl",
	[MEMORY_BAR] = "bar",
	[MEMORY_DAX] = "dax",
	[MEMORY_ANON] = "anon",
};

static const char *wanted(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail(__FILE__, __LINE__, "%s is not in the environment", name);
	return value;
}

static enum memory_kind wanted_kind(void)
{
	const char *name = wanted("MEMORY_KIND");
	size_t kind;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		if (!strcmp(name, kinds[kind]))
			return kind;
	fail(__FILE__, __LINE__, "no memory is of kind %s", name);
}

void memory_open(struct memory *memory)
{
	memory_open_kind(memory, wanted_kind());
}

void memory_open_kind(struct memory *memory, enum memory_kind kind)
{
	memset(memory, 0, sizeof(*memory));
	memory->kind = kind;
	memory->size = strtoull(wanted("MEMORY_SIZE"), NULL, 0);
	memory->leaf = strtoull(wanted("MEMORY_LEAF"), NULL, 0);
	memory->room = vfio_reserve(memory->size + GIB, GIB);

	if (memory->kind == MEMORY_CXL) {
		vfio_open(&memory->vfio);
	} else if (memory->kind == MEMORY_BAR) {
		vfio_open_bar(&memory->vfio, RAM_BAR);
	} else if (memory->kind == MEMORY_DAX) {
		memory->dax = open(wanted("MEMORY_DAX"), O_RDWR | O_CLOEXEC);
		check(memory->dax >= 0);
	}
	if (memory->kind <= MEMORY_BAR) {
		vfio_enable(&memory->vfio, true, false);
		check(memory->vfio.mem.size >= memory->size);
	}
}

void memory_close(struct memory *memory)
{
	if (memory->kind <= MEMORY_BAR)
		vfio_close(&memory->vfio);
	else if (memory->kind == MEMORY_DAX)
		close(memory->dax);
}

/*
 * Who maps by page frame takes the largest leaf for which address and page frame are
 * aligned alike. One page, or one of 2 MiB, aside, and larger ones do not fit. With folios
 * and with device-dax the leaf is the device's.
 */
static uint64_t skew(const struct memory *memory)
{
	bool by_pfn = memory->kind == MEMORY_BAR ||
		      (memory->kind == MEMORY_CXL && memory->vfio.granule == PAGE);

	return by_pfn && memory->leaf < GIB ? memory->leaf : 0;
}

void memory_map(struct memory *memory)
{
	int fd = -1, flags = MAP_SHARED | MAP_FIXED;
	uint64_t offset = 0;

	if (memory->kind <= MEMORY_BAR) {
		fd = memory->vfio.device;
		offset = memory->vfio.mem.offset;
	} else if (memory->kind == MEMORY_DAX) {
		fd = memory->dax;
	} else {
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
		if (memory->leaf > PAGE)
			flags |= MAP_HUGETLB | __builtin_ctzll(memory->leaf) << HUGE_SHIFT;
	}
	memory->at = mmap(memory->room + skew(memory), memory->size, PROT_READ | PROT_WRITE,
			  flags, fd, offset);
	if (memory->at == MAP_FAILED)
		fail(__FILE__, __LINE__, "mmap: %s", strerror(errno));
	if (memory->kind == MEMORY_ANON && memory->leaf == PAGE)
		check(!madvise(memory->at, memory->size, MADV_NOHUGEPAGE));
}

void memory_unmap(struct memory *memory)
{
	check(!munmap(memory->at, memory->size));
}
