// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of cxl_accel_uapi.h, each tried out on a live device by a process
 * of its own. CXL_ACCEL_DEVICE names another than /dev/cxl_accel0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "user.h"

#define LONG_TIME	60	/* seconds in which the engine ends what it has */
#define AN_HOUR		(3600ull * 1000000000)
#define LONG_JOB	(256 * MIB)
/* Rounds of each thread that uses what is not its own: each of 8 handles some 10 times. */
#define CONFUSIONS	100
#define NO_HANDLE	0xfffff

static int open_device(void)
{
	const char *name = getenv("CXL_ACCEL_DEVICE");
	int fd = open(name ?: "/dev/cxl_accel0", O_RDWR | O_CLOEXEC);

	check(fd >= 0);
	return fd;
}

static struct cxl_accel_info get_info(int fd)
{
	struct cxl_accel_info info;

	check_eq(user_info(fd, &info), 0);
	return info;
}

static struct buffer allocate(int fd, uint64_t size, bool own)
{
	struct buffer buffer;

	check_eq(user_alloc(fd, size, own, &buffer), 0);
	return buffer;
}

/* The errno of a call, or 0. */
static int refusal(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? errno : 0;
}

static int refused_job(int fd, const struct cxl_accel_job *job)
{
	struct cxl_accel_result result;

	return -user_run(fd, job, 1, &result);
}

static struct cxl_accel_job fill_job(const struct buffer *buffer, uint64_t offset, uint64_t length)
{
	return (struct cxl_accel_job) {
		.op = CXL_ACCEL_OP_FILL,
		.dst = user_operand(buffer, offset),
		.length = length,
		.pattern = 0x1122334455667788,
	};
}

/*
 * Have the engine work for minutes, of which reset() makes an end: a test must
 * see it at work however long it was itself kept from its processor.
 */
static uint32_t keep_busy(int fd, const struct buffer *buffer)
{
	static struct cxl_accel_job jobs[CXL_ACCEL_MAX_JOBS];
	uint32_t ticket;
	unsigned int i;

	for (i = 0; i < CXL_ACCEL_MAX_JOBS; i++)
		jobs[i] = fill_job(buffer, 0, LONG_JOB);
	check_eq(user_submit(fd, jobs, CXL_ACCEL_MAX_JOBS, &ticket), 0);
	return ticket;
}

static void reset(void)
{
	const char *name = getenv("CXL_ACCEL_DEVICE") ?: "/dev/cxl_accel0";
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/misc/%s/device/reset", basename(name));
	write_file(path, "1");
}

static void test_info(void)
{
	int fd = open_device();
	struct cxl_accel_info info = get_info(fd);

	check(info.mem_size && info.mem_size % (256 * MIB) == 0);
	check_eq(info.mem_free, info.mem_size);
	check_eq(info.ops, (1 << CXL_ACCEL_OP_COUNT) - 1);
	check(info.vectors >= 1 && info.vectors <= CXL_ACCEL_MAX_VECTORS);
}

static void test_bad_calls(void)
{
	struct cxl_accel_alloc allocs[] = {
		{ .size = 0 }, { .size = ~0ull }, { .size = (1ull << 40) + 1 },
		{ .size = 4096, .where = 2 }, { .size = 4096, .handle = 1 },
		{ .size = 4096, .mmap_offset = 4096 },
	};
	struct cxl_accel_job job = { .op = CXL_ACCEL_OP_NOP };
	struct cxl_accel_submit submits[] = {
		{ .jobs = (uintptr_t)&job, .nr_jobs = 0 },
		{ .jobs = (uintptr_t)&job, .nr_jobs = CXL_ACCEL_MAX_JOBS + 1 },
		{ .jobs = (uintptr_t)&job, .nr_jobs = 1, .flags = 1 },
		{ .jobs = (uintptr_t)&job, .nr_jobs = 1, .ticket = 1 },
		{ .jobs = (uintptr_t)&job, .nr_jobs = 1, .reserved = 1 },
	};
	struct cxl_accel_free free_reserved = { .handle = 1, .reserved = 1 };
	struct cxl_accel_free free_none = { .handle = NO_HANDLE };
	struct cxl_accel_submit submit_fault = { .jobs = 8, .nr_jobs = 1 };
	struct cxl_accel_wait wait_none = { .ticket = 77, .nr_results = 1 };
	int fd = open_device();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allocs); i++)
		check_eq(refusal(fd, CXL_ACCEL_ALLOC, &allocs[i]), EINVAL);
	for (i = 0; i < ARRAY_SIZE(submits); i++)
		check_eq(refusal(fd, CXL_ACCEL_SUBMIT, &submits[i]), EINVAL);
	check_eq(refusal(fd, CXL_ACCEL_FREE, &free_reserved), EINVAL);
	check_eq(refusal(fd, CXL_ACCEL_FREE, &free_none), ENOENT);
	check_eq(refusal(fd, CXL_ACCEL_SUBMIT, &submit_fault), EFAULT);
	check_eq(refusal(fd, CXL_ACCEL_WAIT, &wait_none), ENOENT);
	check_eq(refusal(fd, CXL_ACCEL_INFO, NULL), EFAULT);
	check_eq(refusal(fd, _IO(CXL_ACCEL_IOC_TYPE, 0), NULL), ENOTTY);
	check_eq(refusal(fd, _IO(CXL_ACCEL_IOC_TYPE, 200), NULL), ENOTTY);
	check_eq(refusal(fd, _IOWR(CXL_ACCEL_IOC_TYPE, 1, uint64_t), NULL), ENOTTY);
}

static void test_bad_jobs(void)
{
	int fd = open_device();
	struct buffer buffer = allocate(fd, 64 * KIB, true);
	const struct cxl_accel_job good = fill_job(&buffer, 0, 4096);
	struct cxl_accel_operand here = good.dst, reserved = here, none = here;
	uint16_t vectors = get_info(fd).vectors;
	struct {
		int error;
		struct cxl_accel_job job;
	} bad[] = {
		{ EINVAL, good }, { EINVAL, good }, { EINVAL, good }, { EINVAL, good },
		{ EINVAL, good }, { EINVAL, good }, { EINVAL, good }, { EINVAL, good },
		{ EINVAL, good }, { EINVAL, good }, { ENOENT, good }, { ERANGE, good },
		{ ERANGE, good }, { ERANGE, good }, { EINVAL, good },
	};
	size_t i;

	reserved.reserved = 1;
	none.handle = NO_HANDLE;
	bad[0].job.op = CXL_ACCEL_OP_COUNT;
	bad[1].job.op = 255;
	bad[2].job.flags = 2;
	bad[3].job.reserved = 1;
	bad[4].job.vector = 1;	/* without an interrupt */
	bad[5].job.flags = CXL_ACCEL_JOB_INTERRUPT;
	bad[5].job.vector = vectors;
	bad[6].job.length = 0;
	bad[7].job.src = here;
	bad[8].job.dst = reserved;
	bad[9].job.op = CXL_ACCEL_OP_COPY;	/* has no pattern */
	bad[9].job.src = here;
	bad[10].job.dst = none;
	bad[11].job.length = 64 * KIB + 1;
	bad[12].job.dst.offset = 60 * KIB + 1;
	bad[13].job.dst.offset = ~0ull - 100;
	bad[14].job = (struct cxl_accel_job) { .op = CXL_ACCEL_OP_NOP, .length = 8 };
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int error = refused_job(fd, &bad[i].job);

		if (error != bad[i].error)
			fail(__FILE__, __LINE__, "job %zu: %s, wanted %s", i, strerror(error),
			     strerror(bad[i].error));
	}
	check_eq(refused_job(fd, &good), 0);
	check_eq(*(uint64_t *)buffer.at, good.pattern);
}

/* What the engine refuses comes with the job, and the others are done. */
static void test_engine_errors(void)
{
	int fd = open_device();
	struct buffer buffer = allocate(fd, 64 * KIB, true);
	struct cxl_accel_job jobs[] = {
		fill_job(&buffer, 0, 64 * KIB),
		{
			.op = CXL_ACCEL_OP_COPY,
			.src = user_operand(&buffer, 0),
			.dst = user_operand(&buffer, 100),
			.length = 200,
		},
		fill_job(&buffer, 0, 8),
	};
	struct cxl_accel_result results[3];
	uint64_t failed = get_info(fd).jobs_failed;

	jobs[2].pattern = 7;
	check_eq(user_run(fd, jobs, 3, results), 0);
	check_eq(results[0].code, CXL_ACCEL_OK);
	check_eq(results[1].code, CXL_ACCEL_ERR_OVERLAP);
	check_eq(results[2].code, CXL_ACCEL_OK);
	check_eq(*(uint64_t *)buffer.at, 7);
	check_eq(get_info(fd).jobs_failed, failed + 1);
}

static void test_other_file(void)
{
	int fd = open_device(), other = open_device();
	struct buffer buffer = allocate(fd, 64 * KIB, true);
	struct cxl_accel_job job = fill_job(&buffer, 0, 8);
	struct cxl_accel_result result;
	struct buffer stolen = buffer;
	uint32_t ticket;

	check_eq(refused_job(other, &job), ENOENT);
	check_eq(user_map(other, &stolen), -ENOENT);
	stolen.at = NULL;
	check_eq(user_free(other, &stolen), -ENOENT);
	check_eq(user_submit(fd, &job, 1, &ticket), 0);
	check_eq(user_wait(other, ticket, &result, 1, 0), -ENOENT);
	check_eq(user_wait(fd, ticket, &result, 1, CXL_ACCEL_WAIT_FOREVER), 0);
}

static void test_mmap(void)
{
	int fd = open_device();
	struct buffer buffer = allocate(fd, 64 * KIB, true);
	struct cxl_accel_job job = fill_job(&buffer, 16 * KIB, 4 * KIB);
	uint8_t *part;

	check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, buffer.offset) ==
	      MAP_FAILED && errno == EINVAL);
	check(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, buffer.offset + 60 * KIB) ==
	      MAP_FAILED && errno == EINVAL);
	check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENOENT);

	check_eq(refused_job(fd, &job), 0);
	part = mmap(NULL, 8 * KIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    buffer.offset + 16 * KIB);
	check(part != MAP_FAILED);
	check_eq(*(uint64_t *)part, job.pattern);
	check_eq(*(uint64_t *)(part + 4 * KIB), 0);
	check_eq(*(uint64_t *)(buffer.at + 20 * KIB - 8), job.pattern);
	/* It may not grow past the buffer. */
	check(mremap(part, 8 * KIB, 128 * KIB, MREMAP_MAYMOVE) == MAP_FAILED);
}

/* Host memory, by both sides. */
static void test_host_memory(void)
{
	int fd = open_device();
	struct buffer buffer = allocate(fd, 2 * MIB, false);
	struct cxl_accel_job job = fill_job(&buffer, 0, 2 * MIB);
	uint64_t i;

	for (i = 0; i < buffer.size; i++)
		check_eq(buffer.at[i], 0);
	check_eq(refused_job(fd, &job), 0);
	for (i = 0; i < buffer.size; i += 8)
		check_eq(*(uint64_t *)(buffer.at + i), job.pattern);
}

/* All of the memory in one buffer, and nothing of it for the next user. */
static void test_all_memory_cleared(void)
{
	int fd = open_device();
	uint64_t size = get_info(fd).mem_size, i;
	struct cxl_accel_result result;
	struct cxl_accel_job job;
	struct buffer buffer;

	buffer = allocate(fd, size, true);
	check_eq(get_info(fd).mem_free, 0);
	job = fill_job(&buffer, 0, size);
	check_eq(user_run(fd, &job, 1, &result), 0);
	check_eq(result.code, CXL_ACCEL_OK);
	for (i = 0; i < size; i += 64 * KIB)
		check_eq(*(uint64_t *)(buffer.at + i), job.pattern);
	user_unmap(&buffer);
	close(fd);

	fd = open_device();
	check_eq(get_info(fd).mem_free, size);
	buffer = allocate(fd, size, true);
	for (i = 0; i < size; i += 64)
		if (*(uint64_t *)(buffer.at + i))
			fail(__FILE__, __LINE__, "byte %#llx of the last user is there",
			     (unsigned long long)i);
}

static void test_no_space(void)
{
	int fd = open_device();
	uint64_t size = get_info(fd).mem_size;
	struct buffer buffer, other;

	check_eq(user_alloc_unmapped(fd, size + 1, true, &buffer), -ENOSPC);
	check_eq(get_info(fd).mem_free, size);
	check_eq(user_alloc_unmapped(fd, size - PAGE, true, &buffer), 0);
	check_eq(user_alloc_unmapped(fd, 2 * PAGE, true, &other), -ENOSPC);
	check_eq(user_alloc_unmapped(fd, 1, true, &other), 0);
	check_eq(other.size, PAGE);
	check_eq(get_info(fd).mem_free, 0);
}

/* A freed buffer lives as long as a mapping of it, a child's too. */
static void test_freed_but_mapped(void)
{
	int fd = open_device(), status;
	struct buffer buffer = allocate(fd, 4 * MIB, true);
	uint64_t size = get_info(fd).mem_size;
	struct cxl_accel_job job = fill_job(&buffer, 0, 8);
	uint8_t *at = buffer.at;
	pid_t child;

	at[0] = 1;
	buffer.at = NULL;
	check_eq(user_free(fd, &buffer), 0);
	check_eq(refused_job(fd, &job), ENOENT);
	check_eq(get_info(fd).mem_free, size - 4 * MIB);

	child = fork();
	if (!child) {
		usleep(300000);
		at[1] = 2;
		_exit(at[0] == 1 && get_info(fd).mem_free == size - 4 * MIB ? 0 : 1);
	}
	at[0] = 1;
	munmap(at, 4 * MIB);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check_eq(get_info(fd).mem_free, size);
}

/* Large mappings come by themselves. */
static void test_large_pages(void)
{
	int fd = open_device();
	uint64_t size = get_info(fd).mem_size / 2, i;
	struct buffer buffer = allocate(fd, size, true);
	long faults = minor_faults();

	check_eq((uintptr_t)buffer.at % (2 * MIB), 0);
	for (i = 0; i < size; i += MIB)
		buffer.at[i] = 1;
	faults = minor_faults() - faults;
	note("%ld faults for %llu MiB", faults, (unsigned long long)(size / MIB));
	check(faults <= (long)(size / (2 * MIB)) + 16);
}

/* mremap() takes every leaf along: the kernel's log has no complaint of a broken table. */
static void test_moved_mapping(void)
{
	int fd = open_device();
	uint64_t size = get_info(fd).mem_size / 2;
	struct buffer buffer = allocate(fd, size, true);
	uint8_t *room, *to;

	room = mmap(NULL, size + GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(room != MAP_FAILED);
	to = room + (uintptr_t)(buffer.at - room) % GIB;
	buffer.at[0] = 1;
	buffer.at[size - 1] = 2;
	check_eq(mremap(buffer.at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	check_eq(to[0], 1);
	check_eq(to[size - 1], 2);
}

static void test_wait(void)
{
	static struct cxl_accel_result results[CXL_ACCEL_MAX_JOBS];
	const uint64_t forever = CXL_ACCEL_WAIT_FOREVER;
	int fd = open_device();
	struct buffer buffer = allocate(fd, LONG_JOB, true);
	uint32_t ticket = keep_busy(fd, &buffer);

	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, 0), -ETIMEDOUT);
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, 1000), -ETIMEDOUT);
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS - 1, 0), -EINVAL);
	reset();
	check_eq(user_wait(fd, ticket, (void *)8, CXL_ACCEL_MAX_JOBS, forever), -EFAULT);
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, forever), 0);
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, 0), -ENOENT);
}

/* A job that takes many of the device's steps. */
static void test_long_job(void)
{
	int fd = open_device();
	struct buffer buffer = allocate(fd, LONG_JOB, true);
	struct cxl_accel_job job = fill_job(&buffer, 0, LONG_JOB);
	struct cxl_accel_result result;

	check_eq(user_run(fd, &job, 1, &result), 0);
	check_eq(result.code, CXL_ACCEL_OK);
	check_eq(*(uint64_t *)(buffer.at + LONG_JOB - 8), job.pattern);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_wait_signal(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	/* More than once: the first may come before the WAIT. */
	struct itimerval soon = { .it_value.tv_usec = 5000, .it_interval.tv_usec = 5000 };
	int fd = open_device();
	struct buffer buffer = allocate(fd, LONG_JOB, true);
	static struct cxl_accel_result results[CXL_ACCEL_MAX_JOBS];
	uint32_t ticket;

	sigaction(SIGALRM, &action, NULL);
	ticket = keep_busy(fd, &buffer);
	setitimer(ITIMER_REAL, &soon, NULL);
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, AN_HOUR), -EINTR);
	setitimer(ITIMER_REAL, &(struct itimerval) { }, NULL);
	reset();
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, CXL_ACCEL_WAIT_FOREVER), 0);
}

/* More than the ring has room for, and more tickets than there may be. */
static void test_full(void)
{
	static struct cxl_accel_job jobs[CXL_ACCEL_MAX_JOBS];	/* all NOP */
	static struct cxl_accel_result results[CXL_ACCEL_MAX_JOBS];
	uint32_t tickets[16], ticket;
	int fd = open_device();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tickets); i++)
		check_eq(user_submit(fd, jobs, CXL_ACCEL_MAX_JOBS, &tickets[i]), 0);
	for (i = 0; i < ARRAY_SIZE(tickets); i++)
		check_eq(user_wait(fd, tickets[i], results, CXL_ACCEL_MAX_JOBS,
				   CXL_ACCEL_WAIT_FOREVER), 0);
	for (i = 0; i < CXL_ACCEL_MAX_TICKETS; i++)
		check_eq(user_submit(fd, jobs, 1, &ticket), 0);
	check_eq(user_submit(fd, jobs, 1, &ticket), -EBUSY);
}

/* Close does not wait for jobs, and their memory is not free before they end. */
static void test_close_under_way(void)
{
	int fd = open_device(), other = open_device();
	uint64_t size = get_info(other).mem_size;
	struct buffer own = allocate(fd, LONG_JOB, true);
	struct buffer host = allocate(fd, MIB, false);
	struct cxl_accel_job job = fill_job(&host, 0, MIB);
	unsigned int waited;
	uint32_t ticket;

	keep_busy(fd, &own);
	check_eq(user_submit(fd, &job, 1, &ticket), 0);
	user_unmap(&own);
	user_unmap(&host);
	close(fd);
	check_eq(get_info(other).mem_free, size - LONG_JOB);
	reset();
	for (waited = 0; get_info(other).mem_free != size; waited++) {
		check(waited < LONG_TIME * 10);
		usleep(100000);
	}
}

/* Handles, tickets and offsets of everybody, used by all at once. */
static void *confuse(void *arg)
{
	uint64_t state = (uintptr_t)arg, end = 0;
	int fd = state >> 32;
	struct cxl_accel_result result;
	struct buffer buffer;
	struct cxl_accel_job job;
	uint32_t ticket;

	for (; end < CONFUSIONS; end++) {
		bool own = random64(&state) % 2;

		if (!user_alloc_unmapped(fd, (1 + random64(&state) % 4) * 64 * KIB, own, &buffer) &&
		    !user_map(fd, &buffer)) {
			buffer.at[random64(&state) % buffer.size] = 1;
			user_unmap(&buffer);
		}
		buffer.handle = 1 + random64(&state) % 8;
		job = fill_job(&buffer, random64(&state) % (64 * KIB), 64);
		if (!user_submit(fd, &job, 1, &ticket))
			ticket = random64(&state) % 2 ? ticket : 1 + random64(&state) % 8;
		user_wait(fd, ticket, &result, 1, random64(&state) % 2 ? 10000000000 : 0);
		buffer.handle = 1 + random64(&state) % 8;
		user_free(fd, &buffer);
	}
	return NULL;
}

static void test_threads(void)
{
	int fd = open_device(), other = open_device();
	uint64_t size = get_info(fd).mem_size;
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check_eq(pthread_create(&threads[i], NULL, confuse,
					(void *)((uintptr_t)fd << 32 | (i + 1))), 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	close(fd);
	for (i = 0; get_info(other).mem_free != size; i++) {
		check(i < LONG_TIME * 10);
		usleep(100000);
	}
}

/*
 * A reset ends jobs, and a touch of memory meanwhile is SIGBUS or waits. Then
 * all goes on, and FLR leaves the content of the memory.
 */
static void test_reset(void)
{
	int fd = open_device(), status;
	struct buffer buffer = allocate(fd, LONG_JOB, true);
	struct buffer kept = allocate(fd, MIB, true);
	static struct cxl_accel_result results[CXL_ACCEL_MAX_JOBS];
	struct cxl_accel_job job = fill_job(&buffer, 0, 8);
	uint8_t value, *at = kept.at;
	uint32_t ticket;
	pid_t child;

	*at = 77;
	child = fork();
	if (!child)
		while (true)
			if (load(at, &value))
				check_eq(value, 77);
	ticket = keep_busy(fd, &buffer);
	reset();
	check_eq(user_wait(fd, ticket, results, CXL_ACCEL_MAX_JOBS, CXL_ACCEL_WAIT_FOREVER), 0);
	check_eq(results[CXL_ACCEL_MAX_JOBS - 1].code, CXL_ACCEL_CODE_RESET);

	check_eq(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	check_eq(*at, 77);
	check_eq(user_run(fd, &job, 1, results), 0);
	check_eq(results[0].code, CXL_ACCEL_OK);
	check_eq(*(uint64_t *)buffer.at, job.pattern);
}

const struct test tests[] = {
	{ .name = "info", .run = test_info },
	{ .name = "bad_calls", .run = test_bad_calls },
	{ .name = "bad_jobs", .run = test_bad_jobs },
	{ .name = "engine_errors", .run = test_engine_errors },
	{ .name = "other_file", .run = test_other_file },
	{ .name = "mmap", .run = test_mmap },
	{ .name = "host_memory", .run = test_host_memory },
	{ .name = "all_memory_cleared", .run = test_all_memory_cleared },
	{ .name = "no_space", .run = test_no_space },
	{ .name = "freed_but_mapped", .run = test_freed_but_mapped },
	{ .name = "large_pages", .run = test_large_pages },
	{ .name = "moved_mapping", .run = test_moved_mapping },
	{ .name = "wait", .run = test_wait },
	{ .name = "long_job", .run = test_long_job },
	{ .name = "wait_signal", .run = test_wait_signal },
	{ .name = "full", .run = test_full },
	{ .name = "threads", .run = test_threads },
	{ .name = "reset", .run = test_reset },
	{ .name = "close_under_way", .run = test_close_under_way },
	{ }
};
