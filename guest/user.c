// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "user.h"

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int user_info(int fd, struct cxl_accel_info *info)
{
	return call(fd, CXL_ACCEL_INFO, info);
}

int user_alloc_unmapped(int fd, uint64_t size, bool own, struct buffer *buffer)
{
	struct cxl_accel_alloc alloc = {
		.size = size,
		.where = own ? CXL_ACCEL_MEM_OWN : CXL_ACCEL_MEM_HOST,
	};
	int ret = call(fd, CXL_ACCEL_ALLOC, &alloc);

	*buffer = (struct buffer) {
		.handle = alloc.handle,
		.own = own,
		.size = alloc.size,
		.offset = alloc.mmap_offset,
	};
	return ret;
}

int user_map(int fd, struct buffer *buffer)
{
	void *at = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			buffer->offset);

	if (at == MAP_FAILED)
		return -errno;
	buffer->at = at;
	return 0;
}

int user_alloc(int fd, uint64_t size, bool own, struct buffer *buffer)
{
	return user_alloc_unmapped(fd, size, own, buffer) ?: user_map(fd, buffer);
}

void user_unmap(struct buffer *buffer)
{
	if (buffer->at)
		munmap(buffer->at, buffer->size);
	buffer->at = NULL;
}

int user_free(int fd, struct buffer *buffer)
{
	struct cxl_accel_free free = { .handle = buffer->handle };

	user_unmap(buffer);
	return call(fd, CXL_ACCEL_FREE, &free);
}

int user_submit(int fd, const struct cxl_accel_job *jobs, unsigned int count, uint32_t *ticket)
{
	struct cxl_accel_submit submit = { .jobs = (uintptr_t)jobs, .nr_jobs = count };
	int ret = call(fd, CXL_ACCEL_SUBMIT, &submit);

	*ticket = submit.ticket;
	return ret;
}

int user_wait(int fd, uint32_t ticket, struct cxl_accel_result *results, unsigned int count,
	      uint64_t timeout_ns)
{
	struct cxl_accel_wait wait = {
		.results = (uintptr_t)results,
		.timeout_ns = timeout_ns,
		.nr_results = count,
		.ticket = ticket,
	};
	int ret;

	do {
		ret = call(fd, CXL_ACCEL_WAIT, &wait);
	} while (ret == -EINTR && timeout_ns == CXL_ACCEL_WAIT_FOREVER);
	return ret;
}

int user_run(int fd, const struct cxl_accel_job *jobs, unsigned int count,
	     struct cxl_accel_result *results)
{
	uint32_t ticket;

	return user_submit(fd, jobs, count, &ticket) ?:
	       user_wait(fd, ticket, results, count, CXL_ACCEL_WAIT_FOREVER);
}

struct cxl_accel_operand user_operand(const struct buffer *buffer, uint64_t offset)
{
	return (struct cxl_accel_operand) { .handle = buffer->handle, .offset = offset };
}
