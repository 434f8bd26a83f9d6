// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <time.h>

#include "cxl_regs.h"
#include "endpoint.h"
#include "log.h"

/* 8.1.3.8.2: within this time of a reset, or the device is broken. */
#define INFO_VALID_SECONDS	1

static uint32_t dvsec_read(const struct endpoint *endpoint, unsigned int offset,
			   unsigned int bytes)
{
	return pci_read(&endpoint->component.function, endpoint->dvsec + offset, bytes);
}

static bool dvsec_write(const struct endpoint *endpoint, unsigned int offset,
			unsigned int bytes, uint32_t value)
{
	return pci_write(&endpoint->component.function, endpoint->dvsec + offset, bytes, value) &&
	       dvsec_read(endpoint, offset, bytes) == value;
}

bool endpoint_probe(struct endpoint *endpoint, const struct pci_function *function)
{
	const char *why;

	*endpoint = (struct endpoint){ 0 };
	why = component_open(&endpoint->component, function);
	if (why) {
		complain("%s: config space: %s", function->name, why);
		return false;
	}

	/* Shorter in CXL 1.1, by the one register at its end. */
	endpoint->dvsec = pci_find_cxl_dvsec(&endpoint->component.function, CXLR_DVSEC_ID_DEVICE,
					     CXLR_DVSEC_CAP3, NULL);
	if (endpoint->dvsec &&
	    (dvsec_read(endpoint, CXLR_DVSEC_CAP, 2) & CXLR_CAP_MEM_CAPABLE))
		return true;
	pci_close(&endpoint->component.function);
	return false;
}

/*
 * 8.2.4.20.1 says which coherence the decoders support. Where it does not
 * decide, the memory of a device that caches is its own to keep coherent.
 */
static bool is_host_only(const struct endpoint *endpoint)
{
	uint32_t coherency = endpoint->component.hdm.cap & CXLR_HDM_CAP_COHERENCY;

	switch (coherency >> CXLR_HDM_CAP_COHERENCY_SHIFT) {
	case 1:
		return false;
	case 2:
		return true;
	default:
		return !(dvsec_read(endpoint, CXLR_DVSEC_CAP, 2) & CXLR_CAP_CACHE_CAPABLE);
	}
}

const char *endpoint_open_registers(struct endpoint *endpoint)
{
	const char *why = component_open_registers(&endpoint->component);

	if (!why && !endpoint->component.hdm.regs)
		why = "no HDM decoders: memory that only the DVSEC ranges decode is not supported";
	if (why)
		return why;
	endpoint->host_only = is_host_only(endpoint);
	if (!endpoint->host_only)
		endpoint->bi = cm_capability(endpoint->component.cm, CXLR_CAP_ID_BI_DECODER,
					     CXLR_BI_SIZE);
	return NULL;
}

static bool enable(volatile uint32_t *reg, uint32_t bits)
{
	*reg |= bits;
	return (*reg & bits) == bits;
}

bool endpoint_enable_features(const struct endpoint *endpoint)
{
	volatile uint32_t *metadata = cm_capability(endpoint->component.cm, CXLR_CAP_ID_METADATA,
						    CXLR_METADATA_SIZE);
	uint16_t control2 = dvsec_read(endpoint, CXLR_DVSEC_CTRL2, 2);

	if (endpoint->bi && !enable(&endpoint->bi[CXLR_BI_CTRL / 4], CXLR_BI_CTRL_ENABLE))
		return false;
	if (metadata && !endpoint_config_locked(endpoint) &&
	    !enable(&metadata[CXLR_METADATA_CTRL / 4], CXLR_METADATA_CTRL_TRANSFER |
		    (metadata[CXLR_METADATA_CAP / 4] & CXLR_METADATA_MAX_SIZE)))
		return false;
	if (dvsec_read(endpoint, CXLR_DVSEC_CAP2, 2) & CXLR_CAP2_MODIFIED_COMPLETION)
		return dvsec_write(endpoint, CXLR_DVSEC_CTRL2, 2,
				   control2 | CXLR_CTRL2_MODIFIED_COMPLETION);
	return true;
}

static bool await(const struct endpoint *endpoint, uint32_t bit, unsigned int seconds)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (!(dvsec_read(endpoint, CXLR_DVSEC_RANGE_SIZE_LOW(0), 4) & bit)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Memory_Active_Timeout, 8.1.3.8.2; the longest for a reserved value. */
static unsigned int active_timeout(const struct endpoint *endpoint)
{
	static const unsigned int seconds[] = { 1, 4, 16, 64, 256, 256, 256, 256 };
	uint32_t low = dvsec_read(endpoint, CXLR_DVSEC_RANGE_SIZE_LOW(0), 4);

	return seconds[(low & CXLR_RANGE_ACTIVE_TIMEOUT) >> CXLR_RANGE_ACTIVE_TIMEOUT_SHIFT];
}

enum memory_state endpoint_await_memory(const struct endpoint *endpoint, int seconds)
{
	if (!await(endpoint, CXLR_RANGE_MEM_INFO_VALID, INFO_VALID_SECONDS))
		return MEMORY_UNKNOWN;
	if (!await(endpoint, CXLR_RANGE_MEM_USABLE,
		   seconds < 0 ? active_timeout(endpoint) : (unsigned int)seconds))
		return MEMORY_INACTIVE;
	return MEMORY_ACTIVE;
}

uint64_t endpoint_capacity(const struct endpoint *endpoint, unsigned int range)
{
	unsigned int ranges = (dvsec_read(endpoint, CXLR_DVSEC_CAP, 2) & CXLR_CAP_HDM_COUNT) >>
			      CXLR_CAP_HDM_COUNT_SHIFT;

	if (range >= ranges)
		return 0;
	return (uint64_t)dvsec_read(endpoint, CXLR_DVSEC_RANGE_SIZE_HIGH(range), 4) << 32 |
	       (dvsec_read(endpoint, CXLR_DVSEC_RANGE_SIZE_LOW(range), 4) &
		CXLR_RANGE_SIZE_LOW_MASK);
}

uint16_t endpoint_window_needs(const struct endpoint *endpoint)
{
	uint32_t low = dvsec_read(endpoint, CXLR_DVSEC_RANGE_SIZE_LOW(0), 4);
	bool persistent = (low & CXLR_RANGE_MEDIA_TYPE) >> CXLR_RANGE_MEDIA_TYPE_SHIFT == 1;

	return (persistent ? CEDT_WINDOW_PERSISTENT : CEDT_WINDOW_VOLATILE) |
	       (endpoint->host_only ? CEDT_WINDOW_HOST_ONLY : CEDT_WINDOW_DEVICE_COHERENT);
}

bool endpoint_config_locked(const struct endpoint *endpoint)
{
	return dvsec_read(endpoint, CXLR_DVSEC_LOCK, 2) & CXLR_LOCK_CONFIG_LOCK;
}

/* Decoders in use make the device ignore it; 8.1.3.8 wants it to agree with them. */
bool endpoint_set_range_base(const struct endpoint *endpoint, uint64_t base)
{
	return dvsec_write(endpoint, CXLR_DVSEC_RANGE_BASE_HIGH(0), 4, base >> 32) &&
	       dvsec_write(endpoint, CXLR_DVSEC_RANGE_BASE_LOW(0), 4,
			   base & CXLR_RANGE_BASE_LOW_MASK);
}

bool endpoint_enable_memory(const struct endpoint *endpoint)
{
	return dvsec_write(endpoint, CXLR_DVSEC_CTRL, 2,
			   dvsec_read(endpoint, CXLR_DVSEC_CTRL, 2) | CXLR_CTRL_MEM_ENABLE);
}

bool endpoint_lock_config(const struct endpoint *endpoint)
{
	return dvsec_write(endpoint, CXLR_DVSEC_LOCK, 2, CXLR_LOCK_CONFIG_LOCK);
}
