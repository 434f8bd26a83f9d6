// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for the platform firmware of a CXL machine. Run before the CXL
 * modules load: it gives the memory of each CXL.mem device a place in a window
 * of its host bridge, and programs and commits the HDM decoders on the way
 * there, so that the CXL core finds the region as on a real machine.
 *
 * All is placed before anything is programmed, because host bridges and switches
 * commit their decoders in order of address (CXL 3.1, 8.2.4.20.12). What is committed
 * already keeps its place, so a second run changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "log.h"
#include "machine.h"
#include "options.h"

/* There once cxl_acpi has loaded. */
#define CXL_ROOT_PATH	"/sys/bus/cxl/devices/root0"

struct tally {
	unsigned int done;
	unsigned int failed;
	unsigned int inactive;
};

static bool committed(const struct hdm *hdm, unsigned int n, struct hdm_decoder *decoder)
{
	hdm_read(hdm, n, decoder);
	return decoder->ctrl & CXLR_HDM_CTRL_COMMITTED;
}

static struct hpa_range decoder_range(const struct hdm_decoder *decoder)
{
	return (struct hpa_range){ decoder->base, decoder->size };
}

/* Whether the memory is in a state to be programmed; if not, says why. */
static bool is_ready(const struct endpoint *endpoint, enum memory_state state,
		     const struct options *options, struct tally *tally)
{
	const char *name = endpoint->component.function.name;

	if (state == MEMORY_UNKNOWN && !(options->no_wait && options->size)) {
		complain("%s: Memory_Info_Valid is not set after 1 s, so the size of its memory is unknown: skipped; --no-wait --size BYTES commits its decoder all the same",
			 name);
		tally->failed++;
		return false;
	}
	if (state == MEMORY_INACTIVE && !options->no_wait) {
		complain("%s: memory is not active in time: skipped; --no-wait commits its decoder all the same",
			 name);
		tally->inactive++;
		return false;
	}
	if (!endpoint->hpa.size) {
		complain("%s: range 1 of its DVSEC has no memory: skipped; --size BYTES commits its decoder all the same",
			 name);
		tally->failed++;
		return false;
	}
	return true;
}

/* Chooses how much of the memory to map: none of it if it is not ready. */
static void choose_size(struct endpoint *endpoint, const struct options *options,
			struct tally *tally)
{
	const char *name = endpoint->component.function.name;
	enum memory_state state =
		endpoint_await_memory(endpoint, options->no_wait ? 0 : options->wait_seconds);
	uint64_t capacity = state == MEMORY_UNKNOWN ? 0 : endpoint_capacity(endpoint, 0);

	say("%s: %s of %s memory, %s, behind %s (port %u) of host bridge %u", name,
	    size_text(capacity).s,
	    endpoint->host_only ? "host-only coherent" :
	    endpoint->bi ? "device coherent by back-invalidate" : "device coherent",
	    state == MEMORY_ACTIVE ? "active" : "not active",
	    endpoint->root_port.name, endpoint->root_port.number, endpoint->bridge->cedt->uid);
	if (endpoint->upstream)
		say("%s: behind %s (port %u) of switch %s", name, endpoint->downstream_port.name,
		    endpoint->downstream_port.number, endpoint->upstream->function.name);
	if (endpoint_capacity(endpoint, 1))
		say("%s: range 2 gets no decoder", name);

	endpoint->hpa.size = options->size ? options->size : capacity;
	if (!is_ready(endpoint, state, options, tally))
		endpoint->hpa.size = 0;
}

/* A decoder of the last component above that leads to the endpoint with its size. */
static bool is_led_to(const struct endpoint *endpoint, struct hdm_decoder *decoder)
{
	const uint64_t size = endpoint->hpa.size;

	if (endpoint->upstream)
		return hdm_leads_to(&endpoint->upstream->hdm, endpoint->downstream_port.number,
				    size, decoder);
	return hdm_leads_to(&endpoint->bridge->hdm, endpoint->root_port.number, size, decoder);
}

/* An address that the hardware has been given before stays. */
static void keep_place(struct endpoint *endpoint, struct hpa_pool *pool)
{
	struct hdm_decoder decoder;

	if (committed(&endpoint->component.hdm, 0, &decoder) && decoder.size)
		endpoint->hpa = decoder_range(&decoder);
	else if (is_led_to(endpoint, &decoder))
		endpoint->hpa.base = decoder.base;
	else
		return;
	endpoint->kept = true;
	hpa_reserve(pool, &endpoint->hpa);
}

static void reserve_committed(const struct hdm *hdm, struct hpa_pool *pool)
{
	unsigned int count = hdm_committed(hdm);

	for (unsigned int n = 0; n < count; n++) {
		struct hdm_decoder decoder;
		struct hpa_range range;

		hdm_read(hdm, n, &decoder);
		range = decoder_range(&decoder);
		hpa_reserve(pool, &range);
	}
}

/* The next decoder on the way must begin where the last committed one ends. */
static uint64_t lowest_next(const struct endpoint *endpoint)
{
	uint64_t bridge = hdm_next_base(&endpoint->bridge->hdm);
	uint64_t upstream = endpoint->upstream ? hdm_next_base(&endpoint->upstream->hdm) : 0;

	return bridge > upstream ? bridge : upstream;
}

static const char *find_place(struct endpoint *endpoint, struct hpa_pool *pool)
{
	const struct hpa_request request = {
		.bridge = endpoint->bridge->cedt->uid,
		.needs = endpoint_window_needs(endpoint),
		.size = endpoint->hpa.size,
		.above = lowest_next(endpoint),
	};

	return hpa_take(pool, &request, &endpoint->hpa);
}

/* Places the new endpoints of one bridge. False if some found no place. */
static bool place_below(struct machine *machine, const struct bridge *bridge,
			struct hpa_pool *pool)
{
	bool all = true;

	for (unsigned int i = 0; i < machine->endpoints; i++) {
		struct endpoint *endpoint = &machine->endpoint[i];

		if (endpoint->bridge != bridge || !endpoint->hpa.size || endpoint->kept)
			continue;
		endpoint->no_place = find_place(endpoint, pool);
		all &= !endpoint->no_place;
	}
	return all;
}

/* Room for all comes before pages of 1 GiB for some. */
static void place_new(struct machine *machine, struct hpa_pool *pool)
{
	for (unsigned int i = 0; i < machine->cedt.bridges; i++) {
		const struct hpa_pool before = *pool;

		if (place_below(machine, &machine->bridge[i], pool))
			continue;
		*pool = before;
		pool->tight = true;
		place_below(machine, &machine->bridge[i], pool);
		pool->tight = false;
	}
}

static void place_all(struct machine *machine, const struct options *options,
		      struct tally *tally)
{
	struct endpoint *end = machine->endpoint + machine->endpoints;
	struct hpa_pool pool;

	hpa_pool_init(&pool, &machine->cedt);
	for (unsigned int i = 0; i < machine->cedt.bridges; i++)
		reserve_committed(&machine->bridge[i].hdm, &pool);
	for (unsigned int i = 0; i < machine->switches; i++)
		reserve_committed(&machine->upstream[i].hdm, &pool);
	for (struct endpoint *endpoint = machine->endpoint; endpoint < end; endpoint++) {
		choose_size(endpoint, options, tally);
		if (endpoint->hpa.size)
			keep_place(endpoint, &pool);
	}

	place_new(machine, &pool);
	for (struct endpoint *endpoint = machine->endpoint; endpoint < end; endpoint++) {
		if (!endpoint->no_place)
			continue;
		complain("%s: no HPA for %s: %s", endpoint->component.function.name,
			 size_text(endpoint->hpa.size).s, endpoint->no_place);
		endpoint->hpa.size = 0;
		tally->failed++;
	}
}

/* Why a decoder that is committed cannot stay; NULL if it is what is wanted. */
static const char *conflict(const struct hdm_decoder *now, const struct hdm_decoder *wanted)
{
	if (now->base != wanted->base || now->size != wanted->size)
		return "it is committed elsewhere already: restart the machine";
	if ((now->targets ^ wanted->targets) & HDM_TARGET)
		return "it is committed to another port already: restart the machine";
	if ((now->ctrl ^ wanted->ctrl) & CXLR_HDM_CTRL_LOCK)
		return "it is committed already, with the other lock state: restart the machine";
	return NULL;
}

/*
 * Commits decoder @n unless it is committed, and says so under the name of its
 * component. False if it could not, or if it is committed in another way.
 */
static bool commit(const char *name, const struct hdm *hdm, unsigned int n,
		   const struct hdm_decoder *decoder, const struct options *options)
{
	const struct text range = range_text(decoder->base, decoder->size);
	const char *how = "committed", *why = NULL;
	struct hdm_decoder now;

	if (committed(hdm, n, &now)) {
		how = "found committed";
		why = conflict(&now, decoder);
	} else if (options->dry_run) {
		how = "would be committed";
	} else {
		why = hdm_commit(hdm, n, decoder);
	}

	if (why)
		complain("%s: decoder %u: %s: %s", name, n, range.s, why);
	else
		say("%s: decoder %u: %s %s, %s", name, n, range.s, how,
		    options->lock ? "locked" : "not locked");
	return !why;
}

static uint32_t decoder_flags(const struct endpoint *endpoint, const struct options *options)
{
	return (options->lock ? CXLR_HDM_CTRL_LOCK : 0) |
	       (endpoint->host_only ? CXLR_HDM_CTRL_HOSTONLY : 0);
}

static bool enable_features(const struct endpoint *endpoint)
{
	if (endpoint_enable_features(endpoint))
		return true;
	complain("%s: BI Enable, Extended Metadata Control or Modified Completion Enable does not stay set",
		 endpoint->component.function.name);
	return false;
}

static bool set_range_base(const struct endpoint *endpoint)
{
	if (endpoint_config_locked(endpoint) ||
	    endpoint_set_range_base(endpoint, endpoint->hpa.base))
		return true;
	complain("%s: range 1 base does not read back as written",
		 endpoint->component.function.name);
	return false;
}

static bool program_endpoint(const struct endpoint *endpoint, const struct options *options)
{
	const struct hdm_decoder decoder = {
		.base = endpoint->hpa.base,
		.size = endpoint->hpa.size,
		.ctrl = decoder_flags(endpoint, options) |
			(endpoint->bi ? CXLR_HDM_CTRL_BI : 0),
	};

	if (!options->dry_run) {
		if (!enable_features(endpoint) || !set_range_base(endpoint))
			return false;
		hdm_enable(&endpoint->component.hdm);
	}
	return commit(endpoint->component.function.name, &endpoint->component.hdm, 0, &decoder,
		      options);
}

/* The decoder of the component @name that leads to the port above the endpoint. */
static bool program_way(const char *name, const struct hdm *hdm, const struct port *port,
			const struct endpoint *endpoint, const struct options *options)
{
	const struct hdm_decoder decoder = {
		.base = endpoint->hpa.base,
		.size = endpoint->hpa.size,
		.targets = port->number,
		.ctrl = decoder_flags(endpoint, options),
	};
	unsigned int n = hdm_decoder_for(hdm, decoder.base, decoder.size);

	if (n == hdm->decoders) {
		complain("%s: all %u decoders are in use: none is left for %s", name, n,
			 endpoint->component.function.name);
		return false;
	}
	return commit(name, hdm, n, &decoder, options);
}

static bool program_switch(const struct endpoint *endpoint, const struct options *options)
{
	char name[sizeof("switch ") + PCI_NAME_SIZE];

	if (!endpoint->upstream)
		return true;
	snprintf(name, sizeof(name), "switch %s", endpoint->upstream->function.name);
	return program_way(name, &endpoint->upstream->hdm, &endpoint->downstream_port, endpoint,
			   options);
}

static bool program_bridge(const struct endpoint *endpoint, const struct options *options)
{
	const struct bridge *bridge = endpoint->bridge;
	char name[sizeof("host bridge 4294967295")];

	snprintf(name, sizeof(name), "host bridge %u", bridge->cedt->uid);
	if (!bridge->hdm.regs) {
		say("%s: no HDM decoders, passes all on to its one port", name);
		return true;
	}
	return program_way(name, &bridge->hdm, &endpoint->root_port, endpoint, options);
}

static bool enable(const struct endpoint *endpoint, const struct options *options)
{
	const char *name = endpoint->component.function.name;

	if (!endpoint_enable_memory(endpoint)) {
		complain("%s: Mem_Enable does not stay set", name);
		return false;
	}
	say("%s: Mem_Enable set", name);
	if (!options->lock_config)
		return true;
	if (!endpoint_lock_config(endpoint)) {
		complain("%s: CONFIG_LOCK does not stay set", name);
		return false;
	}
	say("%s: CONFIG_LOCK set", name);
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;

	return (x->hpa.base > y->hpa.base) - (x->hpa.base < y->hpa.base);
}

/* From the endpoint upwards: nothing is routed to what cannot answer yet. */
static bool program(const struct endpoint *endpoint, const struct options *options)
{
	if (!program_endpoint(endpoint, options))
		return false;
	return options->dry_run ||
	       (program_switch(endpoint, options) && program_bridge(endpoint, options) &&
		enable(endpoint, options));
}

static void program_all(struct machine *machine, const struct options *options,
			struct tally *tally)
{
	qsort(machine->endpoint, machine->endpoints, sizeof(machine->endpoint[0]),
	      by_address);
	for (unsigned int i = 0; i < machine->endpoints; i++) {
		if (!machine->endpoint[i].hpa.size)
			continue;
		if (program(&machine->endpoint[i], options))
			tally->done++;
		else
			tally->failed++;
	}
}

int main(int argc, char **argv)
{
	static struct machine machine;
	struct options options;
	struct tally tally = { 0 };

	options_parse(argc, argv, &options);
	if (options.none) {
		say("policy none: nothing is programmed");
		return DONE;
	}
	if (!options.dry_run && !access(CXL_ROOT_PATH, F_OK)) {
		complain("the CXL modules have loaded, and would not see what changes now: run this before them, or unload cxl_acpi and cxl_pci first");
		return FAILED;
	}

	if (!machine_discover(&machine))
		return FAILED;
	if (!machine.endpoints && !machine.unusable)
		say("no device with CXL.mem below any host bridge");
	tally.failed = machine.unusable;
	place_all(&machine, &options, &tally);
	program_all(&machine, &options, &tally);
	machine_close(&machine);

	say("policy %s%s: %u %s, %u failed, %u not active", options.policy,
	    options.dry_run ? " (dry run)" : "", tally.done,
	    options.dry_run ? "would be programmed" : "programmed",
	    tally.failed, tally.inactive);
	return tally.failed ? FAILED : tally.inactive ? INACTIVE : DONE;
}
