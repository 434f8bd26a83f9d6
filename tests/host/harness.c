// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "threads.h"

#define TIMEOUT		60	/* seconds */
#define KILL_TIME	10	/* for a process to die */
#define CYCLES		300
#define ACCESSES	2000000
/* A kernel with checkers, under TCG, on a machine that does other things too. */
#define DEBUG_SLOWDOWN	6
#define LOAD_SLOWDOWN	3

enum interface interface;
unsigned int cycles = CYCLES;
unsigned long accesses = ACCESSES;
uint64_t seed;
/* A test's process is caught in the kernel. */
static bool stuck;

/* What the kernel says when it has found something wrong with itself. */
static const char * const splats[] = {
	"WARNING:", "BUG:", "BUG ", "Oops", "KASAN", "UBSAN", "KCSAN", "kernel BUG at",
	"refcount_t", "possible circular locking", "possible recursive locking",
	"suspicious RCU", "sleeping function", "INFO: task", "general protection",
	"Call Trace", "list_add corruption", "list_del corruption", "Trying to free nonexistent",
	"page allocation failure", "soft lockup", "bad unlock balance", "held lock freed",
};

void fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	check(fd >= 0);
	check(lseek(fd, 0, SEEK_END) >= 0);
	return fd;
}

bool kmsg_next(int fd, char *text, size_t size, unsigned int *level)
{
	char record[8192];
	char *start, *end;
	ssize_t len;

	do {
		len = read(fd, record, sizeof(record) - 1);
		/* EPIPE: records were overwritten before they were read. */
	} while (len < 0 && (errno == EPIPE || errno == EINTR));
	if (len <= 0)
		return false;
	record[len] = '\0';

	*level = strtoul(record, NULL, 10) & 7;
	start = strchr(record, ';');
	start = start ? start + 1 : record;
	end = strchr(start, '\n');
	if (end)
		*end = '\0';
	snprintf(text, size, "%s", start);
	return true;
}

static unsigned int said(int kmsg, unsigned int max_level, const char *words)
{
	unsigned int level, count = 0;
	char text[1024];

	while (kmsg_next(kmsg, text, sizeof(text), &level))
		count += level <= max_level && strstr(text, PCI_DRIVER) && strstr(text, words);
	return count;
}

unsigned int kmsg_said(int kmsg, const char *words)
{
	return said(kmsg, LOG_DEBUG, words);
}

unsigned int kmsg_said_error(int kmsg, const char *words)
{
	return said(kmsg, LOG_ERR, words);
}

/* Whether the log has a splat; prints each. */
static bool kernel_complained(int kmsg)
{
	unsigned int level;
	bool found = false;
	char text[1024];
	size_t i;

	while (kmsg_next(kmsg, text, sizeof(text), &level)) {
		for (i = 0; i < ARRAY_SIZE(splats); i++)
			if (strstr(text, splats[i]))
				break;
		if (i == ARRAY_SIZE(splats))
			continue;
		printf("# kernel: %s\n", text);
		found = true;
	}
	return found;
}

/* Of a load that is under way in this thread; NULL. */
static __thread sigjmp_buf *volatile fault_return;

static void on_fault(int number)
{
	if (fault_return)
		siglongjmp(*fault_return, number);
	/* Nobody's: the access is made again, and ends the test. */
	signal(SIGBUS, SIG_DFL);
}

static void catch_faults(void)
{
	const struct sigaction action = { .sa_handler = on_fault };

	sigaction(SIGBUS, &action, NULL);
}

bool load(const volatile void *address, uint8_t *value)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	volatile bool loaded = false;
	sigjmp_buf here;

	pthread_once(&once, catch_faults);
	if (!sigsetjmp(here, 1)) {
		fault_return = &here;
		*value = *(const volatile uint8_t *)address;
		loaded = true;
	}
	fault_return = NULL;
	return loaded;
}

void wait_until(bool (*done)(void))
{
	unsigned int i;

	for (i = 0; i < 600 && !done(); i++)
		usleep(100000);
	check(i < 600);
}

long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* splitmix64 */
uint64_t random64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void fill_random(void *buf, size_t len, uint64_t seed)
{
	uint8_t *byte = buf;
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0)
			value = random64(&seed);
		byte[i] = value >> i % 8 * 8;
	}
}

int __write_file(const char *path, const char *text)
{
	ssize_t len;
	int ret = 0;
	int fd;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = write(fd, text, strlen(text));
	if (len < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void write_file(const char *path, const char *text)
{
	int ret = __write_file(path, text);

	if (ret)
		fail(__FILE__, __LINE__, "writing '%s' to %s: %s", text, path, strerror(-ret));
}

char *read_file(const char *path)
{
	size_t len = 0, size = 64 * KIB;
	char *text = malloc(size);
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	while ((got = read(fd, text + len, size - len - 1)) > 0) {
		len += got;
		if (len + 1 == size)
			text = realloc(text, size *= 2);
	}
	close(fd);
	text[len] = '\0';
	return text;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static unsigned int limit(const struct test *test)
{
	const char *kernel = getenv("LAB_KERNEL");
	unsigned int seconds = (test->timeout ?: TIMEOUT) * LOAD_SLOWDOWN;

	return kernel && !strcmp(kernel, "debug") ? seconds * DEBUG_SLOWDOWN : seconds;
}

/* Wait for a child; false if it did not end. SIGCHLD is blocked. */
static bool wait_for(pid_t pid, unsigned int seconds, int *status)
{
	double end = now() + seconds;
	struct timespec left = { .tv_nsec = 100000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(pid, status, WNOHANG) != pid) {
		if (now() > end)
			return false;
		sigtimedwait(&set, NULL, &left);
	}
	return true;
}

/* The same, with an end to whatever it started; false if it had to be killed. */
static bool reap(pid_t pid, unsigned int seconds, int *status)
{
	bool ended = wait_for(pid, seconds, status);

	if (!ended) {
		printf("# ran for more than %u s, and is killed; its threads:\n", seconds);
		threads_print(pid);
	}
	kill(-pid, SIGKILL);
	if (!ended && !wait_for(pid, KILL_TIME, status)) {
		printf("# cannot be killed: the tests that follow would wait for it\n");
		fflush(stdout);
		stuck = true;
	}
	return ended;
}

static bool run_test(const struct test *test, unsigned int number)
{
	int kmsg = kmsg_open();
	double start = now();
	bool passed = false;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		test->run();
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);

	if (!reap(pid, limit(test), &status))
		passed = false;
	else if (WIFSIGNALED(status))
		printf("# died of signal %d, %s\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		passed = !WEXITSTATUS(status);
	if (kernel_complained(kmsg))
		passed = false;
	close(kmsg);

	printf("%sok %u - %s\n# %.1f s\n", passed ? "" : "not ", number, test->name, now() - start);
	fflush(stdout);
	return passed;
}

/* Whether a test is to be run: all are if none is named. */
static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "cycles", required_argument, NULL, 'c' },
		{ "accesses", required_argument, NULL, 'a' },
		{ "seed", required_argument, NULL, 's' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			interface = !strcmp(optarg, "cdev") ? INTERFACE_CDEV : INTERFACE_GROUP;
			break;
		case 'c':
			cycles = atoi(optarg);
			break;
		case 'a':
			accesses = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr,
				"usage: %s [--interface group|cdev] [--cycles N] [--accesses N] [--seed N] [TEST...]\n",
				argv[0]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int number = 0, passed = 0, named;
	const struct test *test;
	sigset_t set;

	seed = time(NULL);
	parse_options(argc, argv);
	named = argc - optind;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);

	for (test = tests; test->name && !stuck; test++)
		if (wanted(test->name, argv + optind))
			passed += run_test(test, ++number);

	/* A name that no test has must not look like a test that passed. */
	for (; number < named; number++)
		printf("not ok %u - there is no such test\n", number + 1);
	printf("1..%u\n%u passed, %u failed\n", number, passed, number - passed);
	return passed == number ? 0 : 1;
}
