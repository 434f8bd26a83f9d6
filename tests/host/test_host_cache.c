// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a device's cache reaches host memory that its user has not mapped, past the
 * IOMMU, if the platform turned the cache on and the attribute host_cache is "allow". With "deny"
 * the cache is off, a user is shown none, and no reset and no write of a user's turns it on. By ATS
 * the device gets at what its user has mapped, and at nothing else, and "deny" is refused.
 *
 * How: the test sets Cache_Enable as firmware would, and has the accelerator fetch lines of its own
 * memory by their host physical address, which /proc/self/pagemap has.
 *
 * Not covered: real caches, and what they keep after they are turned off. Devices that are refused
 * with "deny": test_bind.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "pin.h"
#include "qmp.h"
#include "regs.h"

#define LINE		CXL_ACCEL_LINE_SIZE
#define TRUSTED		"no IOMMU checks it"

/* Bound anew, with the platform's Cache_Enable, and what the administrator says of it. */
static void bind_with_cache(bool enabled, const char *host_cache)
{
	pci_unbind(pci_accel());
	qmp_set("cache-enable", enabled);
	write_file(HOST_CACHE, host_cache);
	pci_bind(pci_accel());
	write_file(HOST_CACHE, "allow");
}

/* As other tests have it. */
static void bind_as_before(void)
{
	bind_with_cache(false, "allow");
}

static void check_attribute(const char *wanted)
{
	char *is = read_file(pci_path(pci_accel(), "host_cache"));

	check_msg(!strcmp(is, wanted), "host_cache is %s", is);
	free(is);
}

static volatile uint32_t *cache_page(struct vfio *vfio)
{
	return vfio_mmap(vfio, &vfio->bar, CXL_ACCEL_CACHE_OFFSET, CXL_ACCEL_PAGE_SIZE);
}

static uint32_t fetch(volatile uint32_t *cache, uint64_t address, uint32_t flags)
{
	cache[CXL_ACCEL_CACHE_LOW / 4] = address;
	cache[CXL_ACCEL_CACHE_HIGH / 4] = address >> 32;
	cache[CXL_ACCEL_CACHE_FETCH / 4] = flags;
	return cache[CXL_ACCEL_CACHE_RESULT / 4];
}

static void check_line(volatile uint32_t *cache, const void *wanted)
{
	uint32_t line[LINE / 4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(line); i++)
		line[i] = cache[CXL_ACCEL_CACHE_LINE / 4 + i];
	check_mem_eq(line, wanted, sizeof(line));
}

/* Memory of this process that stays where it is, and no device may reach. */
static void *secret_page(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check_ne(page, MAP_FAILED);
	fill_random(page, PAGE, random64(&seed));
	check_ge(pin_io_uring(page, PAGE), 0);
	return page;
}

static uint64_t address_of(const void *page)
{
	uint64_t hpa = physical_address(page);

	check_ne(hpa, 0);
	return hpa;
}

/* The IOMMU keeps DMA from what the cache reaches. */
static void check_no_dma(struct accel *accel, uint64_t hpa)
{
	struct cxl_accel_desc copy = {
		.op = CXL_ACCEL_OP_COPY, .src = hpa, .dst = ACCEL_HOST_IOVA, .length = LINE,
	};

	check_eq(accel_run(accel, &copy), CXL_ACCEL_ERR_DMA_READ);
}

static void test_allow_reaches_all_memory(void)
{
	int kmsg = kmsg_open();
	volatile uint32_t *cache;
	struct accel accel;
	struct vfio vfio;
	uint8_t *secret;
	uint64_t hpa;

	bind_with_cache(true, "allow");
	check_eq(kmsg_said(kmsg, TRUSTED), 1);
	check_attribute("[allow] deny\n");
	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	cache = cache_page(&vfio);
	secret = secret_page();
	hpa = address_of(secret);
	check_no_dma(&accel, hpa);
	check_eq(fetch(cache, hpa + LINE, 0), CXL_ACCEL_FETCH_OK);
	check_line(cache, secret + LINE);
	/* This device has no ATS, so nothing that it may rightly fetch. */
	check_eq(fetch(cache, ACCEL_HOST_IOVA, CXL_ACCEL_FETCH_ATS),
		 CXL_ACCEL_FETCH_NO_TRANSLATION);

	/* What its user writes is virtual: the platform decides. */
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);
	check_eq(fetch(cache, hpa, 0), CXL_ACCEL_FETCH_OK);
	check_eq(__vfio_reset(&vfio), 0);
	check_eq(qmp_get("cache-enable"), true);
	munmap((void *)cache, CXL_ACCEL_PAGE_SIZE);
	munmap((void *)accel.engine, CXL_ACCEL_PAGE_SIZE);
	vfio_close(&vfio);
	check_eq(qmp_get("cache-enable"), true);

	/* It turns no cache on. */
	bind_as_before();
	check_eq(kmsg_said(kmsg, TRUSTED), 0);
	vfio_open(&vfio);
	vfio_enable(&vfio, true, true);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, CXLR_CTRL_CACHE_ENABLE);
	check_eq(fetch(cache_page(&vfio), hpa, 0), CXL_ACCEL_FETCH_DISABLED);
	close(kmsg);
}

/* All that the device may rightly fetch is what its user has mapped for it. */
static void check_keeps_to_mappings(struct vfio *vfio, struct accel *accel, const uint8_t *secret)
{
	volatile uint32_t *cache = cache_page(vfio);
	uint64_t hpa = address_of(secret);

	check_eq(qmp_get("ats-enabled"), true);
	check_eq(fetch(cache, ACCEL_HOST_IOVA + LINE, CXL_ACCEL_FETCH_ATS), CXL_ACCEL_FETCH_OK);
	check_line(cache, accel->host + LINE);
	check_eq(fetch(cache, hpa, CXL_ACCEL_FETCH_ATS), CXL_ACCEL_FETCH_NO_TRANSLATION);
	/* Nothing but the device itself keeps it to that. */
	check_eq(fetch(cache, hpa, 0), CXL_ACCEL_FETCH_OK);
	check_line(cache, secret);
	munmap((void *)cache, CXL_ACCEL_PAGE_SIZE);
}

static void test_ats_keeps_to_mappings(void)
{
	uint8_t *secret = secret_page();
	struct accel accel;
	struct vfio vfio;

	bind_with_cache(true, "allow");
	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	fill_random(accel.host, PAGE, random64(&seed));
	check_keeps_to_mappings(&vfio, &accel, secret);

	/* A reset clears Enable of ATS, and the PCI core sets it again. */
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, true);
	check_keeps_to_mappings(&vfio, &accel, secret);
	cxl_reset(&vfio, false);
	vfio_enable(&vfio, true, true);
	check_keeps_to_mappings(&vfio, &accel, secret);
	munmap((void *)accel.engine, CXL_ACCEL_PAGE_SIZE);
	vfio_close(&vfio);
	bind_as_before();
}

static void test_ats_excludes_deny(void)
{
	bind_with_cache(true, "allow");
	check_eq(__write_file(pci_path(pci_accel(), "host_cache"), "deny"), -EOPNOTSUPP);
	check_attribute("[allow] deny\n");
	check_eq(qmp_get("cache-enable"), true);
	check_eq(qmp_get("ats-enabled"), true);
	bind_as_before();
}

static void check_denied(struct vfio *vfio, uint64_t hpa)
{
	volatile uint32_t *cache;

	check_eq(qmp_get("cache-enable"), false);
	vfio_enable(vfio, true, true);
	cache = cache_page(vfio);
	check_eq(fetch(cache, hpa, 0), CXL_ACCEL_FETCH_DISABLED);
	check_eq(fetch(cache, ACCEL_HOST_IOVA, CXL_ACCEL_FETCH_ATS), CXL_ACCEL_FETCH_DISABLED);
	munmap((void *)cache, CXL_ACCEL_PAGE_SIZE);
}

/* Registers that tell of a cache, and what of them is about nothing else. */
static const struct {
	uint32_t at;
	uint16_t bits;
} told[] = {
	{ DVSEC_AT + CXLR_DVSEC_CAP, CXLR_CAP_CACHE_CAPABLE | CXLR_CAP_CACHE_WBI_CAPABLE },
	{ DVSEC_AT + CXLR_DVSEC_CTRL, CXLR_CTRL_CACHE_ENABLE | CXLR_CTRL_SF_COVERAGE |
	  CXLR_CTRL_SF_GRANULARITY | CXLR_CTRL_CLEAN_EVICTION },
	{ DVSEC_AT + CXLR_DVSEC_CTRL2, CXLR_CTRL2_DISABLE_CACHING },
	{ DVSEC_AT + CXLR_DVSEC_STATUS2, CXLR_STATUS2_CACHE_INVALID },
	{ DVSEC_AT + CXLR_DVSEC_CAP2, CXLR_CAP2_CACHE_SIZE_UNIT | CXLR_CAP2_NO_CLEAN_WRITEBACK |
	  CXLR_CAP2_CACHE_SIZE },
	{ FLEX_BUS_AT + CXLR_FLEX_BUS_CAP, CXLR_FLEX_BUS_CACHE },
	{ FLEX_BUS_AT + CXLR_FLEX_BUS_CTRL, CXLR_FLEX_BUS_CACHE },
	{ FLEX_BUS_AT + CXLR_FLEX_BUS_STATUS, CXLR_FLEX_BUS_CACHE },
};

static bool has_cache(struct vfio *vfio)
{
	struct vfio_device_info *info = vfio_device_info(vfio);
	const struct vfio_device_info_cap_cxl *cap;
	bool has;

	cap = vfio_cap(info, info->argsz, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL);
	check(cap);
	has = cap->flags & VFIO_CXL_CAP_CACHE_CAPABLE;
	free(info);
	return has;
}

static void check_shows_no_cache(struct vfio *vfio)
{
	const uint16_t control = CXLR_CTRL_IO_ENABLE | CXLR_CTRL_MEM_ENABLE;
	size_t i;

	check(!has_cache(vfio));
	for (i = 0; i < ARRAY_SIZE(told); i++) {
		check_eq(config_read(vfio, told[i].at, 2) & told[i].bits, 0);
		config_write(vfio, told[i].at, 2, told[i].bits);
		check_eq(config_read(vfio, told[i].at, 2) & told[i].bits, 0);
	}
	/* All that has nothing to do with a cache is as it was. */
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CAP) & CXLR_CAP_MEM_CAPABLE, CXLR_CAP_MEM_CAPABLE);
	check_eq(config_read(vfio, FLEX_BUS_AT + CXLR_FLEX_BUS_STATUS, 2) &
		 (CXLR_FLEX_BUS_IO | CXLR_FLEX_BUS_MEM), CXLR_FLEX_BUS_IO | CXLR_FLEX_BUS_MEM);
	dvsec_write(vfio, CXLR_DVSEC_CTRL, control);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL), control);
	/* And nothing reached the device. */
	check_eq(qmp_get("dvsec-control2"), 0);
}

static void test_deny_shows_no_cache(void)
{
	int kmsg = kmsg_open();
	struct vfio vfio;

	bind_with_cache(true, "deny");
	check_eq(kmsg_said(kmsg, TRUSTED), 0);
	close(kmsg);
	check_eq(qmp_get("cache-enable"), false);
	check_attribute("allow [deny]\n");
	vfio_open(&vfio);
	check_shows_no_cache(&vfio);
	check_denied(&vfio, address_of(secret_page()));
	/* Its own resets bring none back. */
	cxl_reset(&vfio, false);
	check_shows_no_cache(&vfio);
	check_eq(__vfio_reset(&vfio), 0);
	check_shows_no_cache(&vfio);
	vfio_close(&vfio);

	/* What the platform had is there again, for another driver. */
	pci_unbind(pci_accel());
	check_eq(qmp_get("cache-enable"), true);
	bind_as_before();
	vfio_open(&vfio);
	check(has_cache(&vfio));
}

static void user_flr(struct vfio *vfio)
{
	config_flr(vfio);
}

static void user_cxl_reset(struct vfio *vfio)
{
	cxl_reset(vfio, false);
}

static void user_reset(struct vfio *vfio)
{
	check_eq(__vfio_reset(vfio), 0);
}

static void user_hot_reset(struct vfio *vfio)
{
	vfio_hot_reset(vfio);
}

static void user_power(struct vfio *vfio)
{
	vfio_set_power(vfio, 3);
	vfio_set_power(vfio, 0);
}

static void admin_flr(struct vfio *vfio)
{
	(void)vfio;
	pci_reset(pci_accel(), "flr");
}

static void admin_bus_reset(struct vfio *vfio)
{
	(void)vfio;
	pci_reset(pci_accel(), "cxl_bus");
}

static void reopen(struct vfio *vfio)
{
	vfio_close(vfio);
	check_eq(qmp_get("cache-enable"), false);
	vfio_open(vfio);
}

static void test_deny_outlives_resets(void)
{
	static void (* const resets[])(struct vfio *vfio) = {
		user_flr, user_cxl_reset, user_reset, user_hot_reset, user_power,
		admin_flr, admin_bus_reset, reopen,
	};
	uint64_t hpa = address_of(secret_page());
	struct vfio vfio;
	size_t i;

	bind_with_cache(true, "deny");
	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		vfio_enable(&vfio, true, true);
		dvsec_write(&vfio, CXLR_DVSEC_CTRL, CXLR_CTRL_CACHE_ENABLE);
		resets[i](&vfio);
		note("%zu of %zu", i + 1, ARRAY_SIZE(resets));
		check_denied(&vfio, hpa);
		check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL) & CXLR_CTRL_CACHE_ENABLE, 0);
	}
	vfio_close(&vfio);
	bind_as_before();
}

static bool asleep(void)
{
	return pci_asleep(pci_accel());
}

static void test_changes_between_users(void)
{
	int kmsg = kmsg_open();
	struct vfio vfio;

	bind_with_cache(true, "allow");
	check_eq(kmsg_said(kmsg, TRUSTED), 1);
	vfio_open(&vfio);
	check_eq(__write_file(pci_path(pci_accel(), "host_cache"), "deny"), -EBUSY);
	check(has_cache(&vfio));
	check_eq(qmp_get("cache-enable"), true);
	vfio_close(&vfio);
	check_eq(__write_file(pci_path(pci_accel(), "host_cache"), "maybe"), -EINVAL);

	write_file(pci_path(pci_accel(), "host_cache"), "deny");
	check_eq(qmp_get("cache-enable"), false);
	check_eq(qmp_get("dvsec-control2"), 0);
	vfio_open(&vfio);
	check(!has_cache(&vfio));
	check_eq(__write_file(pci_path(pci_accel(), "host_cache"), "allow"), -EBUSY);
	vfio_close(&vfio);

	/* Off also when it wakes, and a write wakes it. */
	pci_let_sleep(pci_accel());
	wait_until(asleep);
	write_file(pci_path(pci_accel(), "power/control"), "on");
	check_eq(qmp_get("cache-enable"), false);
	pci_let_sleep(pci_accel());
	wait_until(asleep);
	check_eq(kmsg_said(kmsg, TRUSTED), 0);
	write_file(pci_path(pci_accel(), "host_cache"), "allow");
	check_eq(kmsg_said(kmsg, TRUSTED), 1);
	check_eq(qmp_get("cache-enable"), true);
	vfio_open(&vfio);
	check(has_cache(&vfio));
	vfio_close(&vfio);
	bind_as_before();
	close(kmsg);
}

const struct test tests[] = {
	{ "allow_reaches_all_memory", test_allow_reaches_all_memory },
	{ "deny_shows_no_cache", test_deny_shows_no_cache },
	{ "deny_outlives_resets", test_deny_outlives_resets },
	{ "changes_between_users", test_changes_between_users },
	{ "ats_keeps_to_mappings", test_ats_keeps_to_mappings },
	{ "ats_excludes_deny", test_ats_excludes_deny },
	{ }
};
