// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
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
#define COLUMNS		80	/* of the terminal that the output is for */
#define MAX_SPLATS	64
#define PROJECT		"/vfio-cxl"	/* in the lab's machines */
#define SPLATS		"/lab/splats"	/* in the project */
#define NEAR_NAMES	3	/* printed for a name that no test has */
#define KILL_TIME	10	/* for a process to die */
#define CYCLES		300
#define ACCESSES	250000
#define DURATION	60	/* seconds */
/* A kernel with checkers, under TCG, on a machine that does other things too. */
#define DEBUG_SLOWDOWN	6
#define LOAD_SLOWDOWN	3

enum interface interface;
unsigned int cycles = CYCLES;
unsigned long accesses = ACCESSES;
unsigned int duration = DURATION;
uint64_t seed;
const void *test_data;
/* A test's process is caught in the kernel. */
static bool stuck;
/* Parts of a test's full name, as mmap.2m_faults[pfn,group]; the variant may be empty. */
static const char *program;
static char variant[64];
static bool interface_given;

/*
 * The expressions of lab/splats: what the kernel logs when it has found a fault in itself.
 * Without any, splats_error says why.
 */
static regex_t splats[MAX_SPLATS];
static size_t nr_splats;
static char splats_error[512] = "no lab/splats above the program, nor in " PROJECT;

/* Print a line as TAP comments of at most COLUMNS columns; break it at blanks where it has any. */
static void print_folded(const char *text, size_t len)
{
	static const char more[] = "    ";
	size_t room = COLUMNS - 2, take;
	const char *prefix = "";

	do {
		take = len;
		if (take > room) {
			for (take = room; take && text[take] != ' '; take--)
				;
			if (!take)
				take = room;
		}
		printf("# %s%.*s\n", prefix, (int)take, text);
		text += take;
		len -= take;
		for (; len && *text == ' '; text++, len--)
			;
		prefix = more;
		room = COLUMNS - 2 - (sizeof(more) - 1);
	} while (len);
}

__attribute__((format(printf, 2, 0)))
static void print_comment(const char *prefix, const char *format, va_list args)
{
	char *body, *text, *line, *end;

	if (vasprintf(&body, format, args) < 0 || asprintf(&text, "%s%s", prefix, body) < 0) {
		printf("# no memory to print: %s\n", format);
		return;
	}
	for (line = text; line; line = end) {
		end = strchr(line, '\n');
		print_folded(line, end ? (size_t)(end - line) : strlen(line));
		/* A line end at the very end begins no line. */
		if (end && !*++end)
			end = NULL;
	}
	free(body);
	free(text);
	fflush(stdout);
}

void fail(const char *file, int line, const char *format, ...)
{
	char place[256];
	va_list args;

	snprintf(place, sizeof(place), "%s:%d: ", file, line);
	va_start(args, format);
	print_comment(place, format, args);
	va_end(args);
	_exit(1);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_comment("", format, args);
	va_end(args);
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	check_ge(fd, 0);
	check_ge(lseek(fd, 0, SEEK_END), 0);
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

void kmsg_wait(int kmsg, const char *words)
{
	unsigned int i, level;
	char text[1024];

	for (i = 0; i < 6000; i++, usleep(10000))
		while (kmsg_next(kmsg, text, sizeof(text), &level))
			if (strstr(text, words))
				return;
	fail(__FILE__, __LINE__, "no '%s' in the kernel's log", words);
}

/* The list of splats above the program's directory, or where the lab has the project. */
static FILE *open_splats(void)
{
	char path[PATH_MAX + sizeof(SPLATS)] = "";
	FILE *file = NULL;
	ssize_t len;
	char *slash;

	len = readlink("/proc/self/exe", path, PATH_MAX);
	path[len < 0 ? 0 : len] = '\0';
	while (!file && (slash = strrchr(path, '/'))) {
		memcpy(slash, SPLATS, sizeof(SPLATS));
		file = fopen(path, "re");
		*slash = '\0';
	}
	return file ?: fopen(PROJECT SPLATS, "re");
}

/* Compile the expressions; lines that begin with # are comments. */
static void load_splats(void)
{
	FILE *file = open_splats();
	char line[256];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		if (nr_splats == MAX_SPLATS ||
		    regcomp(&splats[nr_splats], line, REG_EXTENDED | REG_NOSUB)) {
			snprintf(splats_error, sizeof(splats_error),
				 "lab/splats: no expression, or one too many: %s", line);
			nr_splats = 0;
			break;
		}
		nr_splats++;
	}
	fclose(file);
}

static bool is_splat(const char *text)
{
	size_t i;

	for (i = 0; i < nr_splats; i++)
		if (!regexec(&splats[i], text, 0, NULL, 0))
			return true;
	return false;
}

/* Whether the log has a splat; print each. Not to know what a splat is counts as one. */
static bool kernel_complained(int kmsg)
{
	unsigned int level;
	bool found = false;
	char text[1024];

	if (!nr_splats) {
		note("%s", splats_error);
		return true;
	}
	while (kmsg_next(kmsg, text, sizeof(text), &level)) {
		if (!is_splat(text))
			continue;
		note("kernel: %s", text);
		found = true;
	}
	return found;
}

/* Of a load or store that is under way in this thread; NULL. */
static __thread sigjmp_buf * volatile fault_return;

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

static pthread_once_t faults_caught = PTHREAD_ONCE_INIT;

/* False if the access raises a signal. */
static bool copy_byte(volatile uint8_t *to, const volatile uint8_t *from)
{
	volatile bool copied = false;
	sigjmp_buf here;

	pthread_once(&faults_caught, catch_faults);
	if (!sigsetjmp(here, 1)) {
		fault_return = &here;
		*to = *from;
		copied = true;
	}
	fault_return = NULL;
	return copied;
}

bool load(const volatile void *address, uint8_t *value)
{
	return copy_byte(value, address);
}

bool store(volatile void *address, uint8_t value)
{
	return copy_byte(address, &value);
}

void wait_until(bool (*done)(void))
{
	unsigned int i;

	for (i = 0; i < 6000 && !done(); i++)
		usleep(10000);
	check_lt(i, 6000);
}

uint64_t physical_address(const void *address)
{
	const uint64_t present = 1ull << 63, frame = (1ull << 55) - 1;
	const size_t page = sysconf(_SC_PAGESIZE);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	check_ge(pagemap, 0);
	check_eq(pread(pagemap, &entry, sizeof(entry), (uintptr_t)address / page * sizeof(entry)),
		 sizeof(entry));
	close(pagemap);
	if (!(entry & present && entry & frame))
		return 0;
	return (entry & frame) * page + (uintptr_t)address % page;
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
	uint64_t value;
	size_t i;

	for (i = 0; i < len; i += sizeof(value)) {
		value = random64(&seed);
		memcpy(byte + i, &value, len - i < sizeof(value) ? len - i : sizeof(value));
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

unsigned long number_after(char *text, const char *label)
{
	const char *at = strstr(text, label);
	unsigned long number;

	check_msg(at, "there is no '%s'", label);
	number = strtoul(at + strlen(label), NULL, 10);
	free(text);
	return number;
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

	if (kernel && !strcmp(kernel, "debug"))
		seconds *= DEBUG_SLOWDOWN;
	return seconds + duration;
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
		note("ran for more than %u s, and is killed; its threads:", seconds);
		threads_print(pid);
	}
	kill(-pid, SIGKILL);
	if (!ended && !wait_for(pid, KILL_TIME, status)) {
		note("cannot be killed: the tests that follow would wait for it");
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
		test_data = test->data;
		test->run();
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);

	if (!reap(pid, limit(test), &status))
		passed = false;
	else if (WIFSIGNALED(status))
		note("died of signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		passed = !WEXITSTATUS(status);
	if (kernel_complained(kmsg))
		passed = false;
	close(kmsg);

	printf("%sok %u - %s.%s%s  %.1f s\n", passed ? "" : "not ", number, program, test->name,
	       variant, now() - start);
	fflush(stdout);
	return passed;
}

/* The program's name in the names of its tests. */
static void set_program(const char *path)
{
	const char *slash = strrchr(path, '/');

	program = slash ? slash + 1 : path;
	if (!strncmp(program, "test_", 5))
		program += 5;
}

/* What a test runs with, if the caller has chosen anything. */
static void set_variant(void)
{
	const char *backing = getenv("VFIO_BACKING");

	if (!backing && !interface_given)
		return;
	snprintf(variant, sizeof(variant), "[%s,%s]", backing ?: "pfn",
		 interface == INTERFACE_CDEV ? "cdev" : "group");
}

/* A test's name as the command line may have it: TEST or PROGRAM.TEST. */
static const char *bare_name(const char *name)
{
	size_t len = strlen(program);

	return !strncmp(name, program, len) && name[len] == '.' ? name + len + 1 : name;
}

/* Whether to run a test: run all of them if the command line names none. */
static bool is_wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(name, bare_name(*names)))
			return true;
	return false;
}

static bool is_test(const char *name)
{
	const struct test *test;

	for (test = tests; test->name; test++)
		if (!strcmp(test->name, name))
			return true;
	return false;
}

/* How many characters to insert, to remove or to change until @a is @b (Levenshtein). */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[64], above, left, i, j;

	if (strlen(a) >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (i = 0; i <= strlen(a); i++)
		row[i] = i;
	for (j = 1; j <= strlen(b); j++) {
		left = row[0];
		row[0] = j;
		for (i = 1; i <= strlen(a); i++) {
			above = row[i];
			row[i] = left + (a[i - 1] != b[j - 1]);
			if (row[i] > above + 1)
				row[i] = above + 1;
			if (row[i] > row[i - 1] + 1)
				row[i] = row[i - 1] + 1;
			left = above;
		}
	}
	return row[strlen(a)];
}

/* Whether a person who typed @name may have meant this test; smaller is nearer. */
static bool is_near(const char *name, const char *test, unsigned int *far)
{
	*far = distance(name, test);
	if (*far <= strlen(name) / 3 + 1)
		return true;
	return strlen(name) >= 3 && (strstr(test, name) || strstr(name, test));
}

/* A name that no test has fails, and must not look like a test that passed. */
static void report_unknown(const char *name, unsigned int number)
{
	const struct test *test, *near[NEAR_NAMES] = { };
	unsigned int fars[NEAR_NAMES], far, i;
	char list[256] = "";
	size_t len = 0;

	for (test = tests; test->name; test++) {
		const struct test *next = test;

		if (!is_near(bare_name(name), test->name, &far))
			continue;
		for (i = 0; i < NEAR_NAMES && next; i++) {
			if (!near[i] || far < fars[i]) {
				const struct test *moved = near[i];
				unsigned int moved_far = fars[i];

				near[i] = next;
				fars[i] = far;
				next = moved;
				far = moved_far;
			}
		}
	}
	for (i = 0; i < NEAR_NAMES && near[i]; i++)
		len += snprintf(list + len, sizeof(list) - len, "%s %s", i ? "," : "; near:",
				near[i]->name);
	note("no test '%s.%s'%s", program, bare_name(name), *list ? list : "; --list prints them");
	printf("not ok %u - %s.%s%s\n", number, program, bare_name(name), variant);
}

static void list_tests(void)
{
	const struct test *test;

	for (test = tests; test->name; test++)
		printf("%s.%s\n", program, test->name);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "cycles", required_argument, NULL, 'c' },
		{ "accesses", required_argument, NULL, 'a' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			interface = !strcmp(optarg, "cdev") ? INTERFACE_CDEV : INTERFACE_GROUP;
			interface_given = true;
			break;
		case 'c':
			cycles = atoi(optarg);
			break;
		case 'a':
			accesses = strtoul(optarg, NULL, 0);
			break;
		case 'd':
			duration = atoi(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'l':
			list_tests();
			exit(0);
		default:
			fprintf(stderr,
				"usage: %s [--interface group|cdev] [--cycles N] [--accesses N]\n"
				"       [--seconds N] [--seed N] [--list] [TEST...]\n", argv[0]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int number = 0, passed = 0;
	const struct test *test;
	char **name;
	sigset_t set;

	seed = time(NULL);
	set_program(argv[0]);
	parse_options(argc, argv);
	set_variant();
	load_splats();

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);

	for (test = tests; test->name && !stuck; test++)
		if (is_wanted(test->name, argv + optind))
			passed += run_test(test, ++number);
	for (name = argv + optind; *name; name++)
		if (!is_test(bare_name(*name)))
			report_unknown(*name, ++number);

	printf("1..%u\n%u passed, %u failed\n", number, passed, number - passed);
	return passed == number ? 0 : 1;
}
