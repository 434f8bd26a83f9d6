// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cedt.h"

/* ACPI 6.5, 5.2.6: the header that all tables begin with */
#define ACPI_HEADER_LENGTH	4
#define ACPI_HEADER_SIZE	36

#define RECORD_TYPE		0
#define RECORD_LENGTH		2
#define RECORD_HEADER_SIZE	4

#define CHBS_UID		4
#define CHBS_VERSION		8
#define CHBS_BASE		16
#define CHBS_LENGTH		24
#define CHBS_SIZE		32

#define CFMWS_BASE		8
#define CFMWS_SIZE		16
#define CFMWS_ENIW		24
#define CFMWS_RESTRICTIONS	32
#define CFMWS_TARGETS		36

/* Fields are little endian and need not be aligned. */
static uint64_t field(const uint8_t *record, size_t offset, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | record[offset + bytes];
	return value;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static const char *parse_chbs(const uint8_t *record, size_t length,
			      struct cedt *cedt)
{
	struct cedt_bridge bridge = {
		.uid = field(record, CHBS_UID, 4),
		.version = field(record, CHBS_VERSION, 4),
		.base = field(record, CHBS_BASE, 8),
		.size = field(record, CHBS_LENGTH, 8),
	};

	(void)length;
	if (cedt->bridges == CEDT_MAX_BRIDGES)
		return "more host bridges than this program has room for";
	if (bridge.base + bridge.size < bridge.base)
		return "host bridge registers run past the end of the address space";
	for (unsigned int i = 0; i < cedt->bridges; i++)
		if (cedt->bridge[i].uid == bridge.uid)
			return "two host bridges with the same UID";

	cedt->bridge[cedt->bridges++] = bridge;
	return NULL;
}

/* Host bridges by the encoded number of interleave ways; 0 where reserved. */
static unsigned int target_count(unsigned int eniw)
{
	static const uint8_t count[] = { 1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12 };

	return eniw < sizeof(count) ? count[eniw] : 0;
}

static const char *parse_cfmws(const uint8_t *record, size_t length,
			       struct cedt *cedt)
{
	struct cedt_window window = {
		.base = field(record, CFMWS_BASE, 8),
		.size = field(record, CFMWS_SIZE, 8),
		.restrictions = field(record, CFMWS_RESTRICTIONS, 2),
		.targets = target_count(field(record, CFMWS_ENIW, 1)),
	};

	if (cedt->windows == CEDT_MAX_WINDOWS)
		return "more windows than this program has room for";
	if (!window.targets)
		return "reserved number of interleave ways";
	if (length < CFMWS_TARGETS + 4 * window.targets)
		return "window is too short for its list of targets";
	if ((window.base | window.size) % CEDT_WINDOW_GRANULE)
		return "window's base or size is not a multiple of 256 MiB";
	if (!window.size)
		return "window is empty";
	if (window.base + window.size < window.base)
		return "window runs past the end of the address space";
	for (unsigned int i = 0; i < cedt->windows; i++)
		if (overlap(window.base, window.size,
			    cedt->window[i].base, cedt->window[i].size))
			return "two windows overlap";

	for (unsigned int i = 0; i < window.targets; i++)
		window.target[i] = field(record, CFMWS_TARGETS + 4 * i, 4);
	cedt->window[cedt->windows++] = window;
	return NULL;
}

/* By structure type; those with no parser say nothing that decoding needs. */
static const struct {
	size_t min_length;
	const char *(*parse)(const uint8_t *record, size_t length,
			     struct cedt *cedt);
} record_types[] = {
	[0] = { CHBS_SIZE, parse_chbs },
	[1] = { CFMWS_TARGETS + 4, parse_cfmws },
};

static const char *parse_record(const uint8_t *record, size_t length,
				struct cedt *cedt)
{
	unsigned int type = record[RECORD_TYPE];

	if (type >= sizeof(record_types) / sizeof(record_types[0]))
		return NULL;
	if (length < record_types[type].min_length)
		return "structure is too short for its type";
	return record_types[type].parse(record, length, cedt);
}

static const char *check_header(const uint8_t *table, size_t length)
{
	uint8_t sum = 0;

	if (length < ACPI_HEADER_SIZE)
		return "table is shorter than an ACPI header";
	if (memcmp(table, "CEDT", 4))
		return "table has another signature than CEDT";
	if (field(table, ACPI_HEADER_LENGTH, 4) != length)
		return "table's length field disagrees with its size";
	for (size_t i = 0; i < length; i++)
		sum += table[i];
	return sum ? "table has a wrong checksum" : NULL;
}

bool cedt_parse(const void *table, size_t length, struct cedt *cedt,
		struct cedt_error *error)
{
	const uint8_t *bytes = table;
	size_t record_length;

	memset(cedt, 0, sizeof(*cedt));
	error->offset = 0;
	error->what = check_header(bytes, length);
	if (error->what)
		return false;

	for (size_t at = ACPI_HEADER_SIZE; at < length; at += record_length) {
		error->offset = at;
		error->what = "structure runs past the end of the table";
		if (length - at < RECORD_HEADER_SIZE)
			return false;
		record_length = field(bytes + at, RECORD_LENGTH, 2);
		if (record_length > length - at)
			return false;

		error->what = "structure is shorter than its own header";
		if (record_length < RECORD_HEADER_SIZE)
			return false;

		error->what = parse_record(bytes + at, record_length, cedt);
		if (error->what)
			return false;
	}
	return true;
}
