// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Prints docs/registers.md, in Markdown, from the tables. Takes no arguments. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "map.h"

struct attr_text {
	const char *name;
	const char *meaning;
};

static const struct attr_text attr_text[CXLR_NR_ATTRS] = {
	[CXLR_RO] = { "RO", "software reads it; what it writes is ignored" },
	[CXLR_ROS] = { "ROS", "RO, and sticky: a reset other than a cold one leaves it alone" },
	[CXLR_HWINIT] = { "HwInit", "RO, given its value by the hardware or its firmware" },
	[CXLR_RW] = { "RW", "software reads and writes it" },
	[CXLR_RWS] = { "RWS", "RW, and sticky" },
	[CXLR_RWL] = { "RWL", "RW until its lock is closed, then RO; the lock is named with it" },
	[CXLR_RWO] = { "RWO", "writing one sets it; only a reset clears it" },
	[CXLR_RW1C] = { "RW1C", "the hardware sets it, writing one clears it" },
	[CXLR_RW1CS] = { "RW1CS", "RW1C, and sticky" },
	[CXLR_RSVDP] = { "RsvdP", "reserved: zero; software writes back what it read" },
	[CXLR_RSVDZ] = { "RsvdZ", "reserved: zero; software writes zero" },
};

/* The words in the tables, and the sentences that explain them. */
struct view_text {
	const char *host;
	const char *guest;
	const char *host_means;
	const char *guest_means;
};

static const struct view_text view_text[CXLR_NR_VIEWS] = {
	[CXLR_VIEW_OWN] = {
		"keeps it virtual", "its own",
		"keeps a value for each open of the device, which never reaches the device",
		"what it wrote, or what that led to; at open, the initial value, or what "
		"docs/uapi.md says of the decoder",
	},
	[CXLR_VIEW_OPEN] = {
		"samples it at open", "the device's, at open",
		"reads the device once, when the device is opened",
		"the device's value at that time. Where the attribute lets the guest write, it "
		"changes its own copy only",
	},
	[CXLR_VIEW_LIVE] = {
		"reads the device", "the device's, now",
		"reads the device at every access",
		"the device's value at this moment",
	},
	[CXLR_VIEW_EDGE] = {
		"records what the device sets", "what happened since open",
		"remembers that the device set the bit, separately for each open",
		"zero at open, one from when the device sets it until the guest clears it",
	},
	[CXLR_VIEW_OFFER] = {
		"computes it", "what is offered",
		"computes the value from what it virtualises",
		"what it has, which may be less than the device has",
	},
	[CXLR_VIEW_ZERO] = {
		"hides it", "zero",
		"lets nothing through, in either direction",
		"zero, as if the device did not have it",
	},
	[CXLR_VIEW_PASS] = {
		"carries it out", "its own, and the device obeys",
		"does to the device what the guest asks for, within what is the guest's to ask",
		"what it wrote, and the effect on the device",
	},
};

/* What follows a write, on the host; a switch, so that the compiler tells if one is missing. */
static const char *effect_text(enum cxlr_effect effect)
{
	switch (effect) {
	case CXLR_EFFECT_NONE:
	case CXLR_EFFECT_BI_COMMIT:
		break;
	case CXLR_EFFECT_COMMIT:
		return "commits the virtual decoder or lets it go (8.2.4.20.12), and tells the VMM";
	case CXLR_EFFECT_HDM_ENABLE:
	case CXLR_EFFECT_MEM_ENABLE:
		return "tells the VMM";
	case CXLR_EFFECT_CACHING:
		return "the device stops caching, or caches again";
	case CXLR_EFFECT_WBI:
		return "the device writes back its cache and empties it";
	case CXLR_EFFECT_CXL_RESET:
		return "resets the device, and restores what is the host's";
	}
	return NULL;
}

static const char introduction[] =
"<!-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause -->\n"
"<!-- Printed by `make docs` from registers/map_*.c. Change those, not this. -->\n"
"# CXL registers\n"
"\n"
"Every CXL register that this project virtualises, emulates or recognises: what it is by the\n"
"specification, what the host makes of it when the device is passed through, and what the\n"
"guest sees. This page is printed by `make docs` (the program is registers/print.c) from the\n"
"tables that the driver and the emulated accelerator act by, so that it tells what the code\n"
"does.\n"
"\n"
"Section numbers are those of the CXL specification 3.1, names its own. Offsets are in bytes\n"
"from the start of the structure, bits are those of the register. Initial values are those\n"
"after a cold reset, as numbers in the field; what differs from device to device is 0 here.\n"
"Bytes between the registers are reserved: they read as zero and ignore writes. Registers in\n"
"configuration space take any access, component registers only aligned ones of their own size\n"
"(8.2.2, 8.2.3).\n"
"\n";

static void print_attributes(void)
{
	unsigned int i;

	printf("## Attributes\n\n| attribute | meaning |\n|---|---|\n");
	for (i = 0; i < CXLR_NR_ATTRS; i++)
		printf("| %s | %s |\n", attr_text[i].name, attr_text[i].meaning);
}

static void print_views(void)
{
	unsigned int i;

	printf("\n## What the host does, and what the guest sees\n\n"
	       "The guest stands for whoever opened the device: a VMM and its guest, or any\n"
	       "other program. Columns 1 and 3 have the words of the tables below.\n\n"
	       "| the host | that is | the guest sees | that is |\n|---|---|---|---|\n");
	for (i = 0; i < CXLR_NR_VIEWS; i++)
		printf("| %s | %s | %s | %s |\n", view_text[i].host, view_text[i].host_means,
		       view_text[i].guest, view_text[i].guest_means);
}

static unsigned int low_bit(uint64_t mask)
{
	return __builtin_ctzll(mask);
}

static void print_bits(uint64_t mask)
{
	unsigned int low = low_bit(mask), high = 63 - __builtin_clzll(mask);

	if (high == low)
		printf("%u", low);
	else
		printf("%u:%u", high, low);
}

static bool is_reserved(const struct cxlr_field *field)
{
	return field->attr == CXLR_RSVDP || field->attr == CXLR_RSVDZ;
}

static void print_handling(const struct cxlr_field *field)
{
	const char *effect = effect_text(field->effect);

	if (is_reserved(field)) {
		printf(" | | ");
		return;
	}
	printf("%s", view_text[field->view].host);
	if (effect)
		printf("; %s", effect);
	printf(" | %s | ", field->reads_zero ? "zero, and the device obeys" :
						view_text[field->view].guest);
}

static void print_field(const struct cxlr_field *field)
{
	uint64_t initial = field->initial >> low_bit(field->mask);

	printf("| ");
	print_bits(field->mask);
	printf(" | %s | %s", field->name, attr_text[field->attr].name);
	if (field->lock)
		printf(" (%s)", field->lock->name);
	printf(" | ");
	if (!is_reserved(field))
		printf(initial > 9 ? "0x%" PRIx64 : "%" PRIu64, initial);
	printf(" | ");
	print_handling(field);
	if (field->need)
		printf("only with %s%s", field->need->name, field->note ? "; " : "");
	printf("%s |\n", field->note ? field->note : "");
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_field(const struct cxlr_field *a, const struct cxlr_field *b)
{
	return same_text(a->name, b->name) && a->mask == b->mask && a->attr == b->attr &&
	       a->lock == b->lock && a->need == b->need && a->initial == b->initial &&
	       a->effect == b->effect && a->reads_zero == b->reads_zero && a->view == b->view &&
	       same_text(a->note, b->note);
}

/* Registers that differ in offset and name only are printed as one. */
static bool same_reg(const struct cxlr_reg *a, const struct cxlr_reg *b)
{
	unsigned int i;

	if (strcmp(a->section, b->section) || a->size != b->size || a->nr_fields != b->nr_fields)
		return false;
	for (i = 0; i < a->nr_fields; i++)
		if (!same_field(&a->fields[i], &b->fields[i]))
			return false;
	return true;
}

/* Returns the number of registers printed. */
static unsigned int print_reg(const struct cxlr_reg *reg, unsigned int left, const char *plus)
{
	unsigned int i, alike = 1;

	while (alike < left && same_reg(reg, &reg[alike]))
		alike++;
	printf("\n### %s0x%02x", plus, reg->offset);
	if (alike > 1)
		printf(" to %s0x%02x", plus, reg[alike - 1].offset);
	printf(" %s", reg->name);
	if (alike > 1)
		printf(" to %s", reg[alike - 1].name);
	printf(" (%s), %s%u bits\n\n", reg->section, alike > 1 ? "each " : "", reg->size * 8);
	printf("| bits | field | attribute | initial | the host | the guest sees | note |\n"
	       "|---|---|---|---|---|---|---|\n");
	for (i = 0; i < reg->nr_fields; i++)
		print_field(&reg->fields[i]);
	return alike;
}

static void print_regs(const struct cxlr_reg *regs, unsigned int count, const char *plus)
{
	unsigned int i = 0;

	while (i < count)
		i += print_reg(&regs[i], count - i, plus);
}

static const struct cxlr_reg *reg_at(const struct cxlr_reg *regs, unsigned int count,
				     unsigned int offset)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (regs[i].offset == offset)
			return &regs[i];
	return NULL;
}

/* A lock is closed by bits that are set: say which. */
static void print_lock(const struct cxlr_lock *lock, const struct cxlr_reg *reg)
{
	unsigned int i, named = 0;

	printf("RWL (%s): read-only while ", lock->name);
	if (lock->outside)
		printf("it");
	for (i = 0; reg && i < reg->nr_fields; i++)
		if (reg->fields[i].mask & lock->value)
			printf("%s%s", named++ ? " and " : "", reg->fields[i].name);
	printf(" %s set%s%s. A CXL Reset %s.\n\n", named > 1 ? "are" : "is",
	       reg ? " in " : "", reg ? reg->name : "",
	       lock->survives ? "leaves lock and fields alone" : "opens the lock");
}

/* Every lock that one of the registers names, once, in the order of their first use. */
static void print_locks(const struct cxlr_reg *regs, unsigned int count)
{
	const struct cxlr_lock *told[8] = { NULL }, *lock;
	unsigned int i, f, t, nr_told = 0;

	for (i = 0; i < count; i++) {
		for (f = 0; f < regs[i].nr_fields; f++) {
			lock = regs[i].fields[f].lock;
			for (t = 0; t < nr_told && told[t] != lock; t++)
				;
			if (!lock || t < nr_told || nr_told == 8)
				continue;
			told[nr_told++] = lock;
			print_lock(lock, lock->outside ? NULL :
					 reg_at(regs, count, lock->offset));
		}
	}
}

static void print_map(const struct cxlr_map *map)
{
	bool dvsec = map->kind == CXLR_MAP_DVSEC;

	printf("\n## %s (%s)\n\n", map->name, map->section);
	printf("%s 0x%x, %s %u, 0x%x bytes", dvsec ? "DVSEC ID" : "Capability ID", map->id,
	       dvsec ? "revision" : "version", map->version, map->size);
	if (map->unit)
		printf("; from 0x%x on units, at most %u, of 0x%x bytes, with offsets marked +",
		       map->unit_first, map->unit_max, map->unit_stride);
	printf(".\n\n");
	print_locks(map->regs, map->nr_regs);
	print_locks(map->unit, map->nr_unit);
	printf("Offered to a guest? %s\n", map->offered);
	print_regs(map->regs, map->nr_regs, "");
	if (map->unit)
		print_regs(map->unit, map->nr_unit, "+");
}

int main(void)
{
	const struct cxlr_map * const *map;

	fputs(introduction, stdout);
	print_attributes();
	print_views();
	for (map = cxlr_maps; *map; map++)
		print_map(*map);
	return fflush(stdout) || ferror(stdout);
}
