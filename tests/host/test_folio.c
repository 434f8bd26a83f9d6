// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: with the folio backing the kernel may take references to the
 * device's memory. Such pins work, outlive the mapping, and keep the memory from
 * the next user until they end.
 *
 * How: the test pins the memory by io_uring and by DMA mappings. While pins last it
 * closes, resets and unbinds the device. It counts faults for each folio size.
 *
 * Not covered: which mechanisms take references: test_semantics.c. RDMA.
 * test_surprise.c pulls a device while it has pins.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "pin.h"
#include "vfio.h"

/* Of a mapping, at least a granule. */
static size_t window(const struct vfio *vfio)
{
	return vfio->granule > 4 * MIB ? vfio->granule : 4 * MIB;
}

static uint8_t *map_window(struct vfio *vfio)
{
	return vfio_mmap(vfio, &vfio->mem, 0, window(vfio));
}

/* Can somebody else open the device? */
static bool opens(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct vfio vfio;

		check(freopen("/dev/null", "w", stdout));
		vfio_open(&vfio);
		_exit(0);
	}
	check_eq(waitpid(child, &status, 0), child);
	return !status;
}

/* A pin that is left of one who had the device open. */
static int pinned_and_closed(void)
{
	struct vfio vfio;
	uint8_t *memory;
	int ring;

	vfio_open(&vfio);
	memory = map_window(&vfio);
	ring = pin_io_uring(memory, PAGE);
	check_ge(ring, 0);
	munmap(memory, window(&vfio));
	vfio_close(&vfio);
	return ring;
}

/*
 * A pin outlives mapping, device and container. Whoever comes next would share
 * the memory with whoever has it, so there is no next one until it is gone.
 */
static void test_pin_outlives_close(void)
{
	int ring = pinned_and_closed();

	check(!opens());
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "pfn"), -EBUSY);
	close(ring);
	/* The ring's work goes on behind close(). */
	wait_until(opens);
}

/* Mapped for DMA, and no longer: nothing of it is left, whichever folios it has. */
static void test_dma_unmap_unpins(void)
{
	struct vfio vfio;
	uint8_t *memory;
	unsigned int i;

	vfio_open(&vfio);
	memory = map_window(&vfio);
	for (i = 0; i < 3; i++) {
		vfio_dma_map(&vfio, memory, window(&vfio), GIB);
		vfio_dma_unmap(&vfio, GIB, window(&vfio));
	}
	munmap(memory, window(&vfio));
	vfio_close(&vfio);
	check(opens());

	/* The same when all goes at once. */
	vfio_open(&vfio);
	memory = map_window(&vfio);
	vfio_dma_map(&vfio, memory, window(&vfio), GIB);
	munmap(memory, window(&vfio));
	vfio_close(&vfio);
	check(opens());
}

static bool gone(pid_t child, int *status)
{
	return waitpid(child, status, WNOHANG) == child;
}

static void note_usr1(int number)
{
	(void)number;
}

/* A process that unbinds the device, and has no pin. */
static pid_t start_unbind(int ring)
{
	pid_t child = fork();

	if (!child) {
		signal(SIGUSR1, note_usr1);
		close(ring);
		pci_unbind(pci_accel());
		_exit(0);
	}
	return child;
}

/* Attributes go first; from then on there is no way back. */
static bool unbinding(void)
{
	return access(pci_path(pci_accel(), "backing"), F_OK);
}

static bool unbound(void)
{
	return !pci_bound(pci_accel());
}

static bool orphaned(void)
{
	char *iomem = read_file("/proc/iomem");
	bool ret = strstr(iomem, "cxl-vfio-pci (pinned)");

	free(iomem);
	return ret;
}

static bool not_orphaned(void)
{
	return !orphaned();
}

/* An unbind waits for who has pages, whatever signals there are but SIGKILL. */
static void test_unbind_waits_for_pins(void)
{
	int ring = pinned_and_closed(), status;
	pid_t child = start_unbind(ring);
	char *iomem;

	wait_until(unbinding);
	kill(child, SIGUSR1);
	sleep(1);
	check(!gone(child, &status));
	iomem = read_file("/proc/iomem");
	check_has(iomem, "cxl-vfio-pci");
	free(iomem);
	check(!orphaned());
	close(ring);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check(!pci_bound(pci_accel()));
	check(opens());
}

/*
 * Unless it is killed: then the memory is nobody's until the pages are given
 * back, and the device binds again after that.
 */
static void test_killed_unbind_orphans_pages(void)
{
	int ring = pinned_and_closed(), status;
	pid_t child = start_unbind(ring);

	wait_until(unbinding);
	kill(child, SIGKILL);
	check_eq(waitpid(child, &status, 0), child);
	wait_until(unbound);

	check(orphaned());
	write_file("/sys/bus/cxl/flush", "1");
	check_lt(__pci_bind(pci_accel()), 0);
	write_file("/sys/bus/cxl/flush", "1");
	close(ring);
	wait_until(not_orphaned);
	check(opens());
}

/*
 * Pins do not keep a user from a reset, nor the memory in his page tables: it is
 * gone while memory is disabled, and comes back by a fault, the same pages.
 */
static void test_reset_succeeds_with_pins(void)
{
	struct vfio vfio;
	uint8_t *memory, byte;
	long faults;
	int ring;

	vfio_open(&vfio);
	memory = map_window(&vfio);
	ring = pin_io_uring(memory, PAGE);
	check_ge(ring, 0);
	memory[0] = 41;
	vfio_enable(&vfio, false, false);
	check(!load(memory, &byte));
	vfio_enable(&vfio, true, true);
	faults = minor_faults();
	check(load(memory, &byte));
	check_eq(byte, 41);
	check_gt(minor_faults(), faults);
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, true);
	faults = minor_faults();
	memory[0] = 42;
	check_eq(memory[0], 42);
	check_gt(minor_faults(), faults);
	munmap(memory, window(&vfio));
	vfio_close(&vfio);
	close(ring);
	/* The ring's work goes on behind close(), and an open fails until it ends. */
	wait_until(opens);
}

/* Nothing smaller than a folio is mapped, moved, cut out or left over. */
static void test_only_whole_folios_are_mapped(void)
{
	struct vfio vfio;
	size_t granule, len;
	uint8_t *memory;

	vfio_open(&vfio);
	granule = vfio.granule;
	len = 2 * granule;
	if (granule == PAGE)
		return;
	memory = vfio_reserve(len, granule);
	check(mmap(memory, granule - PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, vfio.device,
		   vfio.mem.offset) == MAP_FAILED);
	check_eq(errno, EINVAL);
	check(mmap(memory, granule, PROT_READ, MAP_SHARED | MAP_FIXED, vfio.device,
		   vfio.mem.offset + PAGE) == MAP_FAILED);
	check_eq(errno, EINVAL);
	check(mmap(memory + PAGE, granule, PROT_READ, MAP_SHARED | MAP_FIXED, vfio.device,
		   vfio.mem.offset) == MAP_FAILED);
	check_eq(errno, EINVAL);

	memory = vfio_mmap(&vfio, &vfio.mem, 0, granule);
	memory[0] = 1;
	check_eq(munmap(memory, PAGE), -1);
	check_eq(errno, EINVAL);
	check_eq(mprotect(memory + PAGE, PAGE, PROT_READ), -1);
	check_eq(errno, EINVAL);
	check(mremap(memory, granule, granule, MREMAP_MAYMOVE | MREMAP_FIXED,
		     (uint8_t *)vfio_reserve(len, granule) + PAGE) == MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(memory[0], 1);
}

/* A mapping moved, cut between two folios and protected is still the same memory. */
static void test_mremap_keeps_memory(void)
{
	struct vfio vfio;
	uint8_t *memory, *moved, byte;
	size_t granule, len;

	vfio_open(&vfio);
	granule = vfio.granule;
	/* Leaves of 1 GiB do not move: test_mmap. */
	if (granule == GIB)
		return;
	len = 4 * granule;
	memory = vfio_mmap(&vfio, &vfio.mem, 0, len);
	for (size_t at = 0; at < len; at += granule)
		memory[at] = at / granule + 1;
	check_eq(munmap(memory + granule, granule), 0);
	check_eq(mprotect(memory + 2 * granule, granule, PROT_READ), 0);
	check_eq(memory[2 * granule], 3);
	check_eq(mprotect(memory + 2 * granule, granule, PROT_READ | PROT_WRITE), 0);
	memory[2 * granule] = 33;
	moved = mremap(memory + 3 * granule, granule, granule, MREMAP_MAYMOVE | MREMAP_FIXED,
		       (uint8_t *)vfio_reserve(GIB, GIB) + granule);
	check_ne(moved, MAP_FAILED);
	check_eq(moved[0], 4);
	check_eq(madvise(memory, granule, MADV_DONTNEED), 0);
	check_eq(memory[0], 1);
	vfio_read(&vfio, &vfio.mem, 2 * granule, &byte, 1);
	check_eq(byte, 33);
}

/* As many faults as there are folios: of small ones some thousands. */
static void test_one_fault_per_folio(void)
{
	struct vfio vfio;
	volatile uint8_t *memory;
	long faults;
	size_t len, at;

	vfio_open(&vfio);
	len = 4096 * vfio.granule;
	if (len > GIB)
		len = GIB;
	memory = vfio_mmap(&vfio, &vfio.mem, 0, len);
	faults = minor_faults();
	for (at = 0; at < len; at += PAGE)
		(void)memory[at];
	faults = minor_faults() - faults;
	note("%llu MiB: %ld faults of %llu KiB", len / MIB, faults, vfio.granule / KIB);
	check_ge(faults, len / vfio.granule);
	check_le(faults, len / vfio.granule + 16);
}

/* Not while it is open; not what there is not. */
static void test_backing_change_refused(void)
{
	struct vfio vfio;
	char *now;

	vfio_open(&vfio);
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "pfn"), -EBUSY);
	check_eq(__write_file(pci_path(pci_accel(), "folio_size"), "1G"), -EBUSY);
	vfio_close(&vfio);
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "none"), -EINVAL);
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "\n"), -EINVAL);
	check_eq(__write_file(pci_path(pci_accel(), "folio_size"), "8K"), -EINVAL);
	check_eq(__write_file(pci_path(pci_accel(), "folio_size"), "2Mx"), -EINVAL);
	write_file(pci_path(pci_accel(), "backing"), "uncached");
	now = read_file(pci_path(pci_accel(), "backing"));
	check_str_eq(now, "auto pfn memmap folio [uncached]\n");
	free(now);

	unsetenv("VFIO_BACKING");
	vfio_open(&vfio);
	check_eq(vfio.backing, VFIO_CXL_BACKING_UNCACHED);
}

const struct test tests[] = {
	{ "pin_outlives_close", test_pin_outlives_close },
	{ "dma_unmap_unpins", test_dma_unmap_unpins },
	{ "unbind_waits_for_pins", test_unbind_waits_for_pins },
	{ "killed_unbind_orphans_pages", test_killed_unbind_orphans_pages },
	{ "reset_succeeds_with_pins", test_reset_succeeds_with_pins },
	{ "only_whole_folios_are_mapped", test_only_whole_folios_are_mapped },
	{ "mremap_keeps_memory", test_mremap_keeps_memory },
	{ "one_fault_per_folio", test_one_fault_per_folio },
	{ "backing_change_refused", test_backing_change_refused },
	{ }
};
