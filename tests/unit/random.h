/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for generated tests: the same from the same seed, on every machine. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* splitmix64 (Steele, Lea, Flood) */
static inline uint64_t random_64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline unsigned int random_below(uint64_t *state, unsigned int limit)
{
	return (uint32_t)random_64(state) * (uint64_t)limit >> 32;
}

static inline bool random_percent(uint64_t *state, unsigned int percent)
{
	return random_below(state, 100) < percent;
}

/* A number from the environment, or this one. */
static inline uint64_t random_setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

#endif
