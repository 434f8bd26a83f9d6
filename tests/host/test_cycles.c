// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: binding, opening, mapping, touching, closing and unbinding leak
 * nothing, however often.
 *
 * How: after warm-up the test counts the CXL core's devices, reads /proc/iomem,
 * and asks QEMU for the hardware's state. After the cycles all of them are the
 * same. The kernel has logged no warning. It has not kept anything for each cycle:
 * no object of a slab cache, however small, no area of vmalloc, no page table.
 *
 * Not covered: pages that the driver would allocate for another use, and leaks in
 * fewer than seven of eight cycles. kmemleak finds the latter, on the debug kernel.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "vfio.h"

#define WARM_UP		10	/* cycles that fill caches */
/*
 * Counts of objects are exact, so few cycles show a leak of one object each: these, and one
 * for so many that the command line asks for.
 */
#define CYCLES_LEAST	20
#define CYCLES_SHARE	15
#define COUNTS_MAX	1024
/* After which no count has become less: what is in use then counts. */
#define SHRINKS		3
#define SHRINKS_MAX	60

/* What the kernel has in use, by name. */
struct counts {
	unsigned int count;
	struct count {
		char name[48];
		long value;
	} of[COUNTS_MAX];
};

static void cycle(void)
{
	struct vfio vfio;
	uint8_t *page, byte;

	pci_bind(pci_accel());
	vfio_open(&vfio);
	page = vfio_mmap(&vfio, &vfio.mem, 0, 2 * MIB);
	page[0] = 1;
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(byte, 1);
	munmap(page, 2 * MIB);
	vfio_close(&vfio);
	pci_unbind(pci_accel());
}

/* Whether that is less than it was; a count that is there already keeps its least value. */
static bool add_count(struct counts *counts, const char *name, size_t len, long value)
{
	struct count *count;
	unsigned int i;

	for (i = 0; i < counts->count; i++) {
		count = &counts->of[i];
		if (strlen(count->name) != len || strncmp(count->name, name, len))
			continue;
		if (value >= count->value)
			return false;
		count->value = value;
		return true;
	}
	check_lt(i, COUNTS_MAX);
	count = &counts->of[counts->count++];
	snprintf(count->name, sizeof(count->name), "%.*s", (int)len, name);
	count->value = value;
	return true;
}

/* Of each cache, the file that shrinks it; a link is one more name of a cache. */
static unsigned int open_caches(int *files)
{
	unsigned int count = 0;
	glob_t caches;
	size_t i;

	check_eq(glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches), 0);
	for (i = 0; i < caches.gl_pathc; i++) {
		char *slash = strrchr(caches.gl_pathv[i], '/');
		struct stat stat;

		*slash = '\0';
		check_eq(lstat(caches.gl_pathv[i], &stat), 0);
		*slash = '/';
		if (!S_ISDIR(stat.st_mode))
			continue;
		check_lt(count, COUNTS_MAX);
		files[count] = open(caches.gl_pathv[i], O_WRONLY | O_CLOEXEC);
		check_ge(files[count++], 0);
	}
	globfree(&caches);
	return count;
}

/* Waits until what was freed after a grace period is free, however busy the machine is. */
#define RCU_BARRIER	"/sys/module/rcutree/parameters/do_rcu_barrier"

/*
 * Free what slab caches keep of freed objects, each processor some: they are counted as
 * objects. They are open before, since what opens one takes objects of others.
 */
static void shrink_caches(const int *files, unsigned int count)
{
	/* Dentries and inodes without users; and batches of kfree_rcu(). */
	write_file("/proc/sys/vm/drop_caches", "2");
	write_file(RCU_BARRIER, "1");
	while (count--)
		check_eq(write(files[count], "1", 1), 1);
}

/* Objects of each slab cache: name, then how many. */
static bool count_objects(struct counts *counts)
{
	char *text = read_file("/proc/slabinfo"), *line, *next;
	bool less = false;

	for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		size_t len = strcspn(line, " ");

		if (*line != '#' && strncmp(line, "slabinfo", strlen("slabinfo")))
			less |= add_count(counts, line, len, strtol(line + len, NULL, 10));
	}
	check_gt(counts->count, 50);
	free(text);
	return less;
}

/* A line each of that file. */
static void count_vmalloc(struct counts *counts)
{
	static const char name[] = "areas of vmalloc";
	char *text = read_file("/proc/vmallocinfo"), *at;
	long lines = 0;

	for (at = text; (at = strchr(at, '\n')); at++)
		lines++;
	check_gt(lines, 0);
	add_count(counts, name, strlen(name), lines);
	free(text);
}

/*
 * Other memory of the kernel's, by /proc/meminfo's names. In pages; but slabs in what the
 * smallest allocation takes that no slab cache has (KMALLOC_MAX_CACHE_SIZE is 8 KiB).
 */
static void count_pages(struct counts *counts)
{
	static const struct {
		const char *name;
		unsigned long unit;
	} names[] = {
		{ "SUnreclaim:", 4 * PAGE },
		{ "VmallocUsed:", PAGE }, { "PageTables:", PAGE }, { "SecPageTables:", PAGE },
		{ "KernelStack:", PAGE }, { "Percpu:", PAGE },
	};
	char *text = read_file("/proc/meminfo"), *line;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = names[i].name;

		line = strstr(text, name);
		check_msg(line, "no %s", name);
		add_count(counts, name, strlen(name),
			  strtol(line + strlen(name), NULL, 10) * KIB / names[i].unit);
	}
	free(text);
}

static void count_kernel_memory(struct counts *counts)
{
	int files[COUNTS_MAX];
	unsigned int caches = open_caches(files), same = 0, i;

	counts->count = 0;
	for (i = 0; i < SHRINKS_MAX && same < SHRINKS; i++) {
		shrink_caches(files, caches);
		same = count_objects(counts) ? 0 : same + 1;
		count_vmalloc(counts);
		count_pages(counts);
	}
	while (caches--)
		close(files[caches]);
}

static long count_before(const struct counts *counts, const char *name)
{
	unsigned int i;

	for (i = 0; i < counts->count; i++)
		if (!strcmp(counts->of[i].name, name))
			return counts->of[i].value;
	return 0;
}

/* How many of the counts grew by one for each cycle, less an eighth for what shrank meanwhile. */
static unsigned int count_leaks(const struct counts *after, const struct counts *before,
				unsigned int rounds)
{
	const long leak = rounds - rounds / 8;
	const char *name = "";
	unsigned int i, leaks = 0;
	long most = 0;

	for (i = 0; i < after->count; i++) {
		const struct count *count = &after->of[i];
		long growth = count->value - count_before(before, count->name);

		if (growth > most) {
			most = growth;
			name = count->name;
		}
		if (growth >= leak) {
			note("%s: %ld more", count->name, growth);
			leaks++;
		}
	}
	note("%u cycles; of %u counts of kernel memory, the most grew %s, by %ld", rounds,
	     after->count, name, most);
	return leaks;
}

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	check(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/*
 * The PCI core's, at each open, and without consequence: vfio_pci_core cannot
 * reserve a BAR that the driver has already, which is how the driver shares it
 * with the CXL core.
 */
#define EXPECTED	"BAR 0: can't reserve"

/* Other warnings and errors since the log was opened. */
static unsigned int warnings(int kmsg)
{
	unsigned int level, count = 0;
	char text[1024];

	while (kmsg_next(kmsg, text, sizeof(text), &level))
		if (level <= 4 && !strstr(text, EXPECTED)) {
			note("%s", text);
			count++;
		}
	return count;
}

static void test_bind_cycles_leak_nothing(void)
{
	const unsigned int rounds = CYCLES_LEAST + cycles / CYCLES_SHARE;
	static struct counts memory_before, memory_after;
	unsigned int i, warned = 0, cxl_devices;
	struct qmp_state before, after;
	char *iomem;
	int kmsg;

	pci_unbind(pci_accel());
	for (i = 0; i < WARM_UP; i++)
		cycle();

	qmp_state_read(&before);
	iomem = read_file("/proc/iomem");
	cxl_devices = count_entries("/sys/bus/cxl/devices");
	count_kernel_memory(&memory_before);
	kmsg = kmsg_open();

	for (i = 0; i < rounds; i++) {
		cycle();
		warned += warnings(kmsg);
	}

	count_kernel_memory(&memory_after);
	check_eq(warned, 0);
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_str_eq(iomem, read_file("/proc/iomem"));
	check_eq(count_entries("/sys/bus/cxl/devices"), cxl_devices);
	check_eq(count_leaks(&memory_after, &memory_before, rounds), 0);
}

const struct test tests[] = {
	{ "bind_cycles_leak_nothing", test_bind_cycles_leak_nothing, 300 },
	{ }
};
