// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "measure.h"
#include "user.h"

/* How often something is measured, or for how long, whichever is less. */
#define LATENCIES	501
#define LATENCY_NS	5000000000ull
#define STREAM_NS	1000000000ull
#define REPEATS		7
/* Jobs in a stream: in one submit, and submits in the ring at a time. */
#define STREAM_JOBS	64
#define STREAM_DEPTH	2
/* What a submit in a stream moves at most. */
#define STREAM_BYTES	(16ull << 20)

#define HUGE_PAGE	(2ull << 20)

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static struct cxl_accel_job copy_job(const struct buffer *from, const struct buffer *to,
				     uint64_t size)
{
	return (struct cxl_accel_job) {
		.op = CXL_ACCEL_OP_COPY,
		.src = user_operand(from, 0),
		.dst = user_operand(to, 0),
		.length = size,
	};
}

/* From before the submit until the waiter runs, median. */
static int latency(int fd, const struct cxl_accel_job *job, uint64_t *ns)
{
	uint64_t taken[LATENCIES], start = now_ns(), before;
	struct cxl_accel_result result;
	unsigned int n;
	int ret;

	for (n = 0; n < LATENCIES && (!n || now_ns() - start < LATENCY_NS); n++) {
		before = now_ns();
		ret = user_run(fd, job, 1, &result);
		if (ret || result.code)
			return ret ?: -EIO;
		taken[n] = now_ns() - before;
	}
	*ns = median(taken, n);
	return 0;
}

/* Bytes per second of jobs one after the other; the ring is never empty. */
static int throughput(int fd, const struct cxl_accel_job *job, uint64_t *rate)
{
	struct cxl_accel_result results[STREAM_JOBS];
	struct cxl_accel_job jobs[STREAM_JOBS];
	unsigned int n, i, count = STREAM_BYTES / job->length;
	uint64_t start, moved = 0, elapsed = 0;
	uint32_t tickets[STREAM_DEPTH];
	int ret;

	count = count < 1 ? 1 : count > STREAM_JOBS ? STREAM_JOBS : count;
	for (n = 0; n < count; n++)
		jobs[n] = *job;

	start = now_ns();
	for (n = 0; n < STREAM_DEPTH; n++) {
		ret = user_submit(fd, jobs, count, &tickets[n]);
		if (ret)
			return ret;
	}
	for (n = 0; elapsed < STREAM_NS; n = (n + 1) % STREAM_DEPTH) {
		ret = user_wait(fd, tickets[n], results, count, CXL_ACCEL_WAIT_FOREVER);
		for (i = 0; !ret && i < count; i++)
			ret = results[i].code ? -EIO : 0;
		elapsed = now_ns() - start;
		moved += count * job->length;
		ret = ret ?: user_submit(fd, jobs, count, &tickets[n]);
		if (ret)
			return ret;
	}
	*rate = moved * 1e9 / elapsed;
	for (n = 0; n < STREAM_DEPTH; n++) {
		ret = user_wait(fd, tickets[n], results, count, CXL_ACCEL_WAIT_FOREVER);
		if (ret)
			return ret;
	}
	return 0;
}

int measure_jobs(int fd, uint64_t size)
{
	struct cxl_accel_job nop = { .op = CXL_ACCEL_OP_NOP }, there, back;
	uint64_t nop_ns, there_ns, back_ns, there_rate, back_rate;
	struct buffer own, host;
	int ret;

	ret = user_alloc_unmapped(fd, size, true, &own) ?:
	      user_alloc_unmapped(fd, size, false, &host);
	if (ret)
		return ret;
	there = copy_job(&host, &own, size);
	back = copy_job(&own, &host, size);
	ret = latency(fd, &nop, &nop_ns) ?: latency(fd, &there, &there_ns) ?:
	      latency(fd, &back, &back_ns) ?: throughput(fd, &there, &there_rate) ?:
	      throughput(fd, &back, &back_rate);
	if (ret)
		return ret;

	printf("size %" PRIu64 " nop_latency_ns %" PRIu64
	       " host_to_device_latency_ns %" PRIu64 " device_to_host_latency_ns %" PRIu64
	       " host_to_device_bytes_per_second %" PRIu64
	       " device_to_host_bytes_per_second %" PRIu64 "\n",
	       size, nop_ns, there_ns, back_ns, there_rate, back_rate);
	return user_free(fd, &own) ?: user_free(fd, &host);
}

static uint64_t write_all(uint64_t *at, uint64_t words)
{
	uint64_t i;

	for (i = 0; i < words; i++)
		at[i] = i;
	/* The stores are wanted, though nobody reads them. */
	__asm__ volatile("" : : "r"(at) : "memory");
	return 0;
}

static uint64_t read_all(uint64_t *at, uint64_t words)
{
	uint64_t i, sum = 0;

	for (i = 0; i < words; i++)
		sum += at[i];
	return sum;
}

/* RAM in large pages, if there are any. */
static void *ram(uint64_t bytes)
{
	uint8_t *at = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	at += -(uintptr_t)at % HUGE_PAGE;
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

/* What is measured, in turn, so that a noisy machine is so to all of them. */
enum { DEVICE_WRITE, RAM_WRITE, DEVICE_READ, RAM_READ, KINDS };
static const char * const kinds[KINDS] = {
	"device_write_bytes_per_second", "ram_write_bytes_per_second",
	"device_read_bytes_per_second", "ram_read_bytes_per_second",
};

int measure_bandwidth(int fd, uint64_t bytes)
{
	uint64_t taken[KINDS][REPEATS], start, sum = 0, words = bytes / sizeof(uint64_t);
	unsigned int kind, n;
	struct buffer own;
	void *at[2];
	int ret;

	ret = user_alloc(fd, bytes, true, &own);
	if (ret)
		return ret;
	at[0] = own.at;
	at[1] = ram(bytes);
	if (!at[1])
		return -ENOMEM;

	/* The faults are not to be measured. */
	write_all(at[0], words);
	write_all(at[1], words);
	for (n = 0; n < REPEATS; n++)
		for (kind = 0; kind < KINDS; kind++) {
			start = now_ns();
			sum += (kind < DEVICE_READ ? write_all : read_all)(at[kind % 2], words);
			taken[kind][n] = now_ns() - start;
		}
	if (sum != 2 * REPEATS * (words * (words - 1) / 2))
		return -EBADMSG;

	printf("size %" PRIu64 "\n", bytes);
	for (kind = 0; kind < KINDS; kind++)
		printf("%s %.0f\n", kinds[kind], bytes * 1e9 / median(taken[kind], REPEATS));
	return user_free(fd, &own);
}
