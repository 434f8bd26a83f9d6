// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: no sequence of operations leads the register engine where
 * the specification does not. HDM decoders: the engine and a second model
 * (model_hdm.h) agree after each operation; what is committed is held, what is
 * locked only a reset changes, and no two decoders overlap or are out of order.
 * All maps: attributes keep their promises (expect.h). A read changes nothing.
 *
 * How: ten million generated operations, on devices of all kinds. The numbers
 * lean to where decoders meet: the end of another, the last free byte. The
 * last operations are printed when something is wrong. The same seed gives the
 * same sequence:
 *
 *	SEED=0x1234 OPERATIONS=100000000 test_sequences
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "pair_hdm.h"
#include "random.h"

#define G	((uint64_t)CXLR_HDM_GRANULE)
#define TOP	0xfffffffff0000000ull	/* the last 256 MiB of the address space */

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define OPERATIONS	10000000
#define PER_DEVICE	20000	/* then comes another device */
#define PER_CHECK	64	/* then all of the state is compared */

static uint64_t seed, operations;

/* A space, and its bytes from before an operation that is to change nothing. */
struct arena {
	struct cxlr_space space;
	size_t bytes;
	void *memory, *before;
};

static void arena_make(struct arena *arena, uint32_t size, uint32_t grain)
{
	arena->bytes = cxlr_space_memory(size, grain);
	arena->memory = calloc(1, arena->bytes);
	arena->before = calloc(1, arena->bytes);
	assert_true(arena->memory && arena->before);
	cxlr_space_init(&arena->space, arena->memory, size, grain);
}

static void arena_free(struct arena *arena)
{
	free(arena->memory);
	free(arena->before);
}

static void arena_remember(struct arena *arena)
{
	memcpy(arena->before, arena->memory, arena->bytes);
}

static bool arena_unchanged(const struct arena *arena)
{
	return !memcmp(arena->before, arena->memory, arena->bytes);
}

/* The last operations, for a person who wants to know what led there. */
struct operation {
	enum { WRITE, READ, ASK, RESET, REFUSE, HARDWARE } what;
	uint64_t offset;	/* or which decoder, which kind of reset */
	uint32_t len;
	uint64_t val;
};

static struct {
	struct operation entry[32];
	uint64_t count;
} history;

static void remember(const struct operation *operation)
{
	history.entry[history.count++ % ARRAY_SIZE(history.entry)] = *operation;
}

__attribute__((noreturn))
static void stop(const char *why)
{
	static const char * const what[] = {
		[WRITE] = "write", [READ] = "read", [ASK] = "ask", [RESET] = "reset",
		[REFUSE] = "refuse", [HARDWARE] = "hardware sets",
	};
	uint64_t i = history.count > ARRAY_SIZE(history.entry) ?
		     history.count - ARRAY_SIZE(history.entry) : 0;

	for (; i < history.count; i++) {
		const struct operation *it = &history.entry[i % ARRAY_SIZE(history.entry)];

		print_error("%8llu: %s 0x%llx bytes %u value 0x%llx\n", (unsigned long long)i,
			    what[it->what], (unsigned long long)it->offset, it->len,
			    (unsigned long long)it->val);
	}
	print_error("%s (SEED=0x%llx)\n", why, (unsigned long long)seed);
	fail();
	abort();
}

/*
 * Decoders.
 */

/* A device, and how its software behaves. */
struct game {
	struct arena arena;
	struct pair pair;
	uint64_t random;
	unsigned int lock_percent, let_go_percent, noise_percent, interleave_percent;
	struct operation plan[7];	/* to program a decoder, register after register */
	unsigned int planned, done;
};

/* How often things happened: a generator that reaches nothing proves nothing. */
static struct {
	uint64_t committed, let_go, reads, resets;
	unsigned int most;		/* decoders committed at a time */
	struct {
		const char *why;
		uint64_t count;
	} refused[32];
} seen;

static void effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	pair_effect(space->owner, change);
}

static const unsigned int counts[] = { 1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32 };

static void game_begin(struct game *game)
{
	const uint64_t capacities[] = {
		0, G, 7 * G + 4096, 24 * G, 64 * G, 256 * G, 256 * G, 1024 * G, 1024 * G,
		1ull << 50, 1ull << 50, 1ull << 60, UINT64_MAX,
	};
	static const unsigned int percents[] = { 0, 1, 3, 10, 30 };
	const uint32_t at = 0x20;
	uint64_t *random = &game->random;
	struct pair_config config = {
		.count = counts[random_below(random, ARRAY_SIZE(counts))],
		.capacity = capacities[random_below(random, ARRAY_SIZE(capacities))],
		.bi_capable = random_percent(random, 50), .bi_only = random_percent(random, 10),
	};
	uint32_t size = at + CXLR_HDM_SIZE(config.count);

	if (random_percent(random, 50))
		config.capability = CXLR_HDM_CAP_INTERLEAVE_11_8 | CXLR_HDM_CAP_INTERLEAVE_14_12 |
				    CXLR_HDM_CAP_3_6_12_WAY | CXLR_HDM_CAP_16_WAY;
	else
		config.capability = random_64(random) &
				    (CXLR_HDM_CAP_INTERLEAVE_11_8 | CXLR_HDM_CAP_INTERLEAVE_14_12 |
				     CXLR_HDM_CAP_3_6_12_WAY | CXLR_HDM_CAP_16_WAY);
	config.capability |= random_64(random) & (CXLR_HDM_CAP_UIO | CXLR_HDM_CAP_POISON_ON_ERR |
						  CXLR_HDM_CAP_COHERENCY);

	game->planned = 0;
	game->done = 0;
	game->lock_percent = percents[random_below(random, 4)];
	game->let_go_percent = percents[random_below(random, 4)];
	game->noise_percent = percents[random_below(random, 5)];
	game->interleave_percent = percents[random_below(random, 5)];

	arena_make(&game->arena, size, 4);
	game->arena.space.effect = effect;
	game->arena.space.owner = &game->pair;
	if (random_percent(random, 30)) {
		game->arena.space.hidden = 1 << CXLR_VIEW_ZERO;
		config.capability &= ~CXLR_HDM_CAP_POISON_ON_ERR;
	}
	if (!cxlr_space_place(&game->arena.space, &cxlr_map_hdm, at, config.count, size) ||
	    !pair_init(&game->pair, &game->arena.space, at, &config))
		stop(game->pair.why);
	history.count = 0;
}

static uint64_t base_for(struct game *game, unsigned int n)
{
	const struct model_decoder *decoder = game->pair.model.decoder;
	uint64_t *random = &game->random;
	uint64_t end = n ? decoder[n - 1].base + decoder[n - 1].size : 0;
	unsigned int other = random_below(random, game->pair.model.count);

	switch (random_below(random, 40)) {
	case 0:
		return end - G;
	case 1:
		return decoder[other].base + (random_percent(random, 50) ? decoder[other].size : 0);
	case 2:
		return TOP - G * random_below(random, 40);
	case 3:
		return random_64(random);
	case 4:
	case 5:
		return end + G * random_below(random, 64);
	default:
		return end;
	}
}

static uint64_t size_for(struct game *game, unsigned int n, uint64_t base, unsigned int ways)
{
	const struct model *model = &game->pair.model;
	uint64_t *random = &game->random;
	uint64_t used = n ? model->decoder[n - 1].dpa + model->decoder[n - 1].size : 0;

	switch (random_below(random, 50)) {
	case 0:
		return G * random_below(random, 40);
	case 1:
		return n + 1 < model->count ? model->decoder[n + 1].base - base : 0 - base;
	case 2:
		return (model->capacity - used) * ways;
	case 3:
		return random_64(random) >> random_below(random, 64);
	case 4:
		return 0;
	default:
		return G * ways * (1 + random_below(random, 4));
	}
}

static uint64_t skip_for(struct game *game)
{
	uint64_t *random = &game->random;

	switch (random_below(random, 20)) {
	case 0:
		return random_64(random);
	case 1:
		return 0 - G * random_below(random, 16);
	case 2:
	case 3:
		return G * random_below(random, 8);
	default:
		return 0;
	}
}

static uint32_t ctrl_for(struct game *game)
{
	static const uint8_t iws[] = { 1, 1, 2, 3, 4, 8, 9, 10 };
	uint64_t *random = &game->random;
	unsigned int coherency = game->pair.model.capability >> CXLR_HDM_CAP_COHERENCY_SHIFT & 3;
	bool host_only = coherency == 2;
	uint32_t ctrl = random_below(random, 7);

	if (random_percent(random, 1))
		ctrl = random_below(random, 16);
	if (random_percent(random, 1))
		ctrl |= random_64(random) & CXLR_HDM_CTRL_IW;
	else if (random_percent(random, game->interleave_percent))
		ctrl |= iws[random_below(random, ARRAY_SIZE(iws))] << CXLR_HDM_CTRL_IW_SHIFT;
	if (random_percent(random, game->lock_percent))
		ctrl |= CXLR_HDM_CTRL_LOCK;
	if (host_only ^ random_percent(random, 3))
		ctrl |= CXLR_HDM_CTRL_HOSTONLY;
	if (random_percent(random, game->pair.model.must_bi ? 80 : 3))
		ctrl |= CXLR_HDM_CTRL_BI;
	if (random_percent(random, 2))
		ctrl |= CXLR_HDM_CTRL_UIO;
	if (random_percent(random, 95))
		ctrl |= CXLR_HDM_CTRL_COMMIT;
	return ctrl;
}

static void plan(struct game *game, uint32_t offset, uint32_t val)
{
	/* Now and then software forgets a register, and what was in it counts. */
	if (!random_percent(&game->random, 3))
		game->plan[game->planned++] = (struct operation) {
			.what = WRITE, .offset = offset, .len = 4, .val = val,
		};
}

static void plan_decoder(struct game *game)
{
	const struct model *model = &game->pair.model;
	uint32_t ctrl = ctrl_for(game);
	unsigned int n = 0, ways = model_ways(ctrl >> CXLR_HDM_CTRL_IW_SHIFT & 0xf);
	uint64_t base, size, skip;

	while (n + 1 < model->count && model->decoder[n].committed)
		n++;
	if (random_percent(&game->random, 20))
		n = random_below(&game->random, model->count);
	base = base_for(game, n);
	size = size_for(game, n, base, ways ? ways : 1);
	skip = skip_for(game);

	game->planned = 0;
	game->done = 0;
	/* An error is in the way. */
	if (model->decoder[n].error)
		game->plan[game->planned++] = (struct operation) {
			.what = WRITE, .offset = CXLR_HDM_CTRL(n), .len = 4,
		};
	else
		plan(game, CXLR_HDM_DPA_SKIP_HIGH(n), skip >> 32);
	plan(game, CXLR_HDM_BASE_LOW(n), base);
	plan(game, CXLR_HDM_BASE_HIGH(n), base >> 32);
	plan(game, CXLR_HDM_SIZE_LOW(n), size);
	plan(game, CXLR_HDM_SIZE_HIGH(n), size >> 32);
	plan(game, CXLR_HDM_DPA_SKIP_LOW(n), skip);
	plan(game, CXLR_HDM_CTRL(n), ctrl);
}

/* Something that no reasonable software does now. */
static struct operation noise(struct game *game)
{
	uint64_t *random = &game->random;
	struct operation it = {
		.what = WRITE, .len = 4, .val = random_64(random),
		.offset = 4 * random_below(random, pair_size(&game->pair) / 4),
	};

	switch (random_below(random, 30)) {
	case 0:
		it.val = 0;
		break;
	case 1:
		it.val = 0xffffffff;
		break;
	case 2:
		it.what = REFUSE;
		it.val = random_percent(random, 5);
		break;
	default:
		break;
	}
	it.val &= 0xffffffff;
	return it;
}

static struct operation next_operation(struct game *game)
{
	uint64_t *random = &game->random;
	unsigned int n = random_below(random, game->pair.model.count);
	unsigned int roll = random_below(random, 1000);

	if (!roll && random_percent(random, 50))
		return (struct operation) { .what = RESET, .offset = random_below(random, 4) };
	if (roll < 100)
		return (struct operation) {
			.what = READ, .len = 4,
			.offset = 4 * random_below(random, pair_size(&game->pair) / 4),
		};
	if (roll < 150)
		return (struct operation) { .what = ASK, .offset = n };
	if (random_percent(random, game->noise_percent))
		return noise(game);
	if (game->done < game->planned)
		return game->plan[game->done++];
	/* Software that never lets go is soon at the end of its memory. */
	if (random_percent(random, 10 + 2 * game->let_go_percent))
		return (struct operation) {
			.what = WRITE, .offset = CXLR_HDM_CTRL(n), .len = 4,
			.val = random_64(random) & 0xffffffff & ~CXLR_HDM_CTRL_COMMIT,
		};
	plan_decoder(game);
	return (struct operation) { .what = ASK, .offset = n };
}

static bool carry_out(struct game *game, const struct operation *it)
{
	switch (it->what) {
	case WRITE:
		return pair_write(&game->pair, it->offset, it->val);
	case READ:
		seen.reads++;
		arena_remember(&game->arena);
		return pair_read(&game->pair, it->offset) && arena_unchanged(&game->arena);
	case ASK:
		return pair_ask(&game->pair, it->offset);
	case RESET:
		seen.resets++;
		return pair_reset(&game->pair, (enum cxlr_reset)it->offset);
	default:
		pair_refuse(&game->pair, it->val);
		return true;
	}
}

static void count_refused(const char *why)
{
	unsigned int i;

	for (i = 0; seen.refused[i].why && seen.refused[i].why != why; i++)
		;
	assert_true(i + 1 < ARRAY_SIZE(seen.refused));
	seen.refused[i].why = why;
	seen.refused[i].count++;
}

static void count_committed(const struct game *game)
{
	unsigned int n, committed = 0;

	seen.committed++;
	for (n = 0; n < game->pair.model.count; n++)
		committed += game->pair.model.decoder[n].committed;
	if (committed > seen.most)
		seen.most = committed;
}

static void count(const struct game *game)
{
	switch (game->pair.event) {
	case CXLR_HDM_COMMITTED:
		count_committed(game);
		break;
	case CXLR_HDM_DECOMMITTED:
		seen.let_go++;
		break;
	case CXLR_HDM_REFUSED:
		count_refused(game->pair.model.why);
		break;
	default:
		break;
	}
}

static void play(struct game *game, uint64_t steps)
{
	struct operation it;

	while (steps--) {
		it = next_operation(game);
		remember(&it);
		game->pair.event = CXLR_HDM_NOTHING;
		if (!carry_out(game, &it))
			stop(*game->pair.why ? game->pair.why : "a read changed something");
		count(game);
		if (!(steps % PER_CHECK) && !pair_check(&game->pair))
			stop(game->pair.why);
	}
}

static void test_decoders(void **state)
{
	struct game game = { .random = seed };
	uint64_t left = operations / 10 * 8;
	unsigned int i;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	for (; left; left -= left < PER_DEVICE ? left : PER_DEVICE) {
		game_begin(&game);
		play(&game, left < PER_DEVICE ? left : PER_DEVICE);
		arena_free(&game.arena);
	}

	print_message("%llu commits (%u decoders at most), %llu let go, %llu resets, refused:\n",
		      (unsigned long long)seen.committed, seen.most,
		      (unsigned long long)seen.let_go, (unsigned long long)seen.resets);
	for (i = 0; seen.refused[i].why; i++)
		print_message("%10llu %s\n", (unsigned long long)seen.refused[i].count,
			      seen.refused[i].why);
	if (operations < OPERATIONS)
		return;
	assert_int_equal(i, 19);
	while (i--)
		assert_true(seen.refused[i].count > 200);
	assert_true(seen.committed > 50000 && seen.let_go > 25000);
	assert_int_equal(seen.most, CXLR_HDM_MAX_DECODERS);
}

/*
 * Attributes.
 */

struct field {
	struct arena arena;
	struct expect expect;
	uint8_t *bytes;
	uint64_t random;
	struct cxlr_change told[EXPECT_MAX_EFFECTS];
	unsigned int effects;
};

static void tell(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct field *field = space->owner;

	assert_true(field->effects < EXPECT_MAX_EFFECTS);
	field->told[field->effects++] = *change;
}

static bool same_change(const struct cxlr_change *a, const struct cxlr_change *b)
{
	return a->slot->reg == b->slot->reg && a->slot->at == b->slot->at &&
	       a->slot->base == b->slot->base && a->slot->unit == b->slot->unit &&
	       a->field == b->field && a->before == b->before && a->after == b->after &&
	       a->written == b->written;
}

static uint64_t some_value(uint64_t *random)
{
	switch (random_below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return 1ull << random_below(random, 64);
	default:
		return random_64(random);
	}
}

/* What the hardware may do at any time: bits of any field, but not reserved ones. */
static void hardware(struct field *field, bool initial)
{
	const struct cxlr_slot *slot;
	uint64_t mask, val = some_value(&field->random);

	slot = cxlr_slot_at(&field->arena.space,
			    random_below(&field->random, field->arena.space.size));
	if (!slot)
		return;
	mask = cxlr_attr_mask(slot->reg, ~(1u << CXLR_RSVDP | 1u << CXLR_RSVDZ)) &
	       ~cxlr_view_mask(slot->reg, field->arena.space.hidden);
	remember(&(struct operation) { HARDWARE, slot->at, slot->reg->size, val & mask });
	if (initial)
		cxlr_init(&field->arena.space, slot->at, mask, val);
	else
		cxlr_set(&field->arena.space, slot->at, mask, val);
	expect_sync(&field->expect, slot->at, slot->reg->size);
}

/* All maps of a kind, some of them cut short, as an older device has them. */
static void field_begin(struct field *field, enum cxlr_map_kind kind)
{
	uint32_t at = kind == CXLR_MAP_DVSEC ? 0x100 : 0, limit;
	const struct cxlr_map * const *map;
	unsigned int i, units;

	arena_make(&field->arena, 4096, kind == CXLR_MAP_DVSEC ? 2 : 4);
	field->arena.space.effect = tell;
	field->arena.space.owner = field;
	if (random_percent(&field->random, 50))
		field->arena.space.hidden = random_below(&field->random, 1 << CXLR_NR_VIEWS);
	for (map = cxlr_maps; *map; map++) {
		if ((*map)->kind != kind)
			continue;
		units = (*map)->unit ? random_below(&field->random, 17) : 0;
		limit = (*map)->size + units * (*map)->unit_stride;
		if (random_percent(&field->random, 20))
			limit = random_below(&field->random, limit);
		if (!cxlr_space_place(&field->arena.space, *map, at, units, limit))
			stop("a map does not fit");
		at += limit + 8 * random_below(&field->random, 4);
		at = (at + 15) & ~7u;
	}

	field->bytes = calloc(2, 4096);
	assert_non_null(field->bytes);
	history.count = 0;
	expect_init(&field->expect, &field->arena.space, field->bytes);
	for (i = 0; i < 200; i++)
		hardware(field, true);
	expect_init(&field->expect, &field->arena.space, field->bytes);
}

static void field_end(struct field *field)
{
	arena_free(&field->arena);
	free(field->bytes);
}

static void compare(const struct field *field, uint32_t offset, uint32_t len)
{
	unsigned int i;

	if (expect_differs(&field->expect, offset, len) >= 0)
		stop("a register is not what its attributes promise");
	if (field->effects != field->expect.effects)
		stop("more or fewer effects than changes");
	for (i = 0; i < field->effects; i++)
		if (!same_change(&field->told[i], &field->expect.effect[i]))
			stop("an effect is told wrong");
}

static void compare_around(const struct field *field, uint32_t offset, uint32_t len)
{
	uint32_t size = field->arena.space.size;
	uint32_t from = offset < 16 ? 0 : offset - 16;
	uint32_t to = offset + len + 16 > size ? size : offset + len + 16;

	compare(field, from, to - from);
}

/* Most accesses go to where something is. */
static uint32_t some_offset(struct field *field, unsigned int *size)
{
	const struct cxlr_slot *slot = NULL;
	uint32_t offset;
	unsigned int tries = 8;

	do {
		offset = random_below(&field->random, field->arena.space.size);
		slot = cxlr_slot_at(&field->arena.space, offset);
	} while (!slot && --tries);
	*size = slot ? slot->reg->size : 4;
	return slot ? slot->at : offset;
}

static void config_access(struct field *field, const struct operation *it)
{
	const struct cxlr_space *space = &field->arena.space;
	bool inside = it->offset + it->len <= space->size;
	uint8_t buf[16];
	uint32_t i;

	field->effects = 0;
	field->expect.effects = 0;
	arena_remember(&field->arena);
	if (it->what == READ || !inside) {
		for (i = 0; i < it->len; i++)
			buf[i] = it->val >> 8 * (i % 8);
		if (it->what == READ && cxlr_read_bytes(space, it->offset, buf, it->len) != inside)
			stop("a read is accepted or not");
		if (it->what == WRITE &&
		    cxlr_write_bytes(&field->arena.space, it->offset, buf, it->len) != inside)
			stop("a write is accepted or not");
		if (!arena_unchanged(&field->arena))
			stop("a read or a refused write changed something");
		if (inside && memcmp(buf, field->expect.now + it->offset, it->len))
			stop("a read is wrong");
		return;
	}
	for (i = 0; i < it->len; i++)
		buf[i] = it->val >> 8 * (i % 8);
	expect_write(&field->expect, it->offset, buf, it->len);
	if (!cxlr_write_bytes(&field->arena.space, it->offset, buf, it->len))
		stop("a write is refused");
	compare_around(field, it->offset, it->len);
}

static void memory_access(struct field *field, const struct operation *it)
{
	struct cxlr_space *space = &field->arena.space;
	bool valid = expect_access(space, it->offset, it->len);
	uint8_t buf[8];
	uint64_t val = 0x5a5a5a5a5a5a5a5aull;
	uint32_t i;

	field->effects = 0;
	field->expect.effects = 0;
	if (it->what == READ || !valid) {
		arena_remember(&field->arena);
		if (it->what == READ && cxlr_read(space, it->offset, it->len, &val) != valid)
			stop("a read is accepted or not");
		if (it->what == WRITE && cxlr_write(space, it->offset, it->len, it->val) != valid)
			stop("a write is accepted or not");
		if (!arena_unchanged(&field->arena) || field->effects)
			stop("a read or a refused write changed something");
		if (!valid && val != 0x5a5a5a5a5a5a5a5aull)
			stop("a refused read has a value");
		for (i = 0; valid && i < 8; i++)
			if ((val >> 8 * i & 0xff) !=
			    (i < it->len ? field->expect.now[it->offset + i] : 0))
				stop("a read is wrong");
		return;
	}
	for (i = 0; i < it->len; i++)
		buf[i] = it->val >> 8 * i;
	expect_write(&field->expect, it->offset, buf, it->len);
	if (!cxlr_write(space, it->offset, it->len, it->val))
		stop("a write is refused");
	compare_around(field, it->offset, it->len);
}

static void reset(struct field *field, enum cxlr_reset kind)
{
	remember(&(struct operation) { .what = RESET, .offset = kind });
	field->effects = 0;
	cxlr_reset(&field->arena.space, kind);
	expect_reset(&field->expect, kind);
	compare(field, 0, field->arena.space.size);
}

static struct operation config_operation(struct field *field)
{
	struct operation it = {
		.what = random_percent(&field->random, 25) ? READ : WRITE,
		.len = 1 + random_below(&field->random, 16), .val = some_value(&field->random),
	};
	unsigned int size;

	it.offset = some_offset(field, &size);
	it.offset += random_below(&field->random, 9);
	it.offset -= it.offset < 4 ? 0 : 4;
	if (random_percent(&field->random, 1))
		it.offset = field->arena.space.size - random_below(&field->random, 20);
	return it;
}

static struct operation memory_operation(struct field *field)
{
	static const uint8_t widths[] = { 0, 1, 2, 3, 4, 8, 12, 16 };
	struct operation it = {
		.what = random_percent(&field->random, 25) ? READ : WRITE,
		.val = some_value(&field->random),
	};

	it.offset = some_offset(field, &it.len);
	if (random_percent(&field->random, 20))
		it.len = widths[random_below(&field->random, ARRAY_SIZE(widths))];
	if (random_percent(&field->random, 10))
		it.offset += random_below(&field->random, 9);
	if (random_percent(&field->random, 2))
		it.offset += random_64(&field->random) << 32;
	return it;
}

static void attributes(enum cxlr_map_kind kind)
{
	struct field field = { .random = seed + kind };
	uint64_t left;
	struct operation it;

	for (left = operations / 10; left; left--) {
		if (!(left % PER_DEVICE) || left == operations / 10) {
			if (field.bytes)
				field_end(&field);
			field_begin(&field, kind);
		}
		if (random_percent(&field.random, 8)) {
			hardware(&field, false);
		} else if (!random_below(&field.random, 500)) {
			reset(&field, random_below(&field.random, 4));
		} else if (kind == CXLR_MAP_DVSEC) {
			it = config_operation(&field);
			remember(&it);
			config_access(&field, &it);
		} else {
			it = memory_operation(&field);
			remember(&it);
			memory_access(&field, &it);
		}
		if (!(left % PER_CHECK)) {
			field.effects = 0;
			field.expect.effects = 0;
			compare(&field, 0, field.arena.space.size);
		}
	}
	field_end(&field);
}

static void test_dvsec_attributes(void **state)
{
	(void)state;
	attributes(CXLR_MAP_DVSEC);
}

static void test_cm_attributes(void **state)
{
	(void)state;
	attributes(CXLR_MAP_CM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoders),
		cmocka_unit_test(test_dvsec_attributes),
		cmocka_unit_test(test_cm_attributes),
	};

	seed = random_setting("SEED", 0xc0ffee);
	operations = random_setting("OPERATIONS", OPERATIONS);
	print_message("%llu operations, SEED=0x%llx\n", (unsigned long long)operations,
		      (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
