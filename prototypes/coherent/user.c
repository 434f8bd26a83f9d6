// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user.h"

#define PAGE_BYTES	4096
/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_SWAP	(1ull << 62)
#define PAGEMAP_PFN	((1ull << 55) - 1)

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int user_open(void)
{
	int fd = open("/dev/cxl_coherent", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int user_info(int fd, struct cxl_coherent_info *info)
{
	return call(fd, CXL_COHERENT_INFO, info);
}

static int move(int fd, unsigned long request, const void *addr, size_t len, uint64_t *moved)
{
	struct cxl_coherent_range range = { .addr = (uintptr_t)addr, .len = len };
	int ret = call(fd, request, &range);

	*moved = range.moved;
	return ret;
}

int user_to_device(int fd, const void *addr, size_t len, uint64_t *moved)
{
	return move(fd, CXL_COHERENT_TO_DEVICE, addr, len, moved);
}

int user_to_host(int fd, const void *addr, size_t len, uint64_t *moved)
{
	return move(fd, CXL_COHERENT_TO_HOST, addr, len, moved);
}

void *user_map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, len, MADV_NOHUGEPAGE);
	return at;
}

static uint64_t pagemap(const void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)page / PAGE_BYTES * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

uint64_t user_physical(const void *page)
{
	uint64_t entry = pagemap(page);

	return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_PFN) * PAGE_BYTES : 0;
}

unsigned long user_in_device(const struct cxl_coherent_info *info, const void *addr, size_t len)
{
	unsigned long count = 0;
	size_t offset;

	for (offset = 0; offset < len; offset += PAGE_BYTES) {
		uint64_t physical = user_physical((const char *)addr + offset);

		count += physical >= info->base && physical - info->base < info->size;
	}
	return count;
}

unsigned long user_in_swap(const void *addr, size_t len)
{
	unsigned long count = 0;
	size_t offset;

	for (offset = 0; offset < len; offset += PAGE_BYTES)
		count += !!(pagemap((const char *)addr + offset) & PAGEMAP_SWAP);
	return count;
}
