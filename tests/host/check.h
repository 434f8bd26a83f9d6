/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test states of what it sees. A check that fails ends the test by fail(), which
 * the program has (harness.c, or its own), with the place, the expression and the values.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHECK_ERRNO_MAX		4095	/* the kernel's MAX_ERRNO */
#define CHECK_BYTES		16	/* that a check prints of differing memory */

__attribute__((noreturn, format(printf, 3, 4)))
void fail(const char *file, int line, const char *format, ...);

/* The name of an error number, as EBUSY; NULL where no error has it. */
const char *strerrorname_np(int number);

/* A place in a source file, and the check that is there. */
struct check_site {
	const char *file;
	int line;
	const char *check;
	const char *than;	/* what the values are to each other, in words; or "" */
	const char *is;		/* the two expressions */
	const char *wanted;
};

/* Of an integer of 64 bits, with or without a sign: of each type, the number that it is. */
static inline const char *check_number(char *text, size_t size, __int128 value)
{
	unsigned long long bits = value;
	const char *name = NULL;

	if (value < 0 && value >= -CHECK_ERRNO_MAX)
		name = strerrorname_np(-(int)value);
	if (name)
		snprintf(text, size, "%lld (-%s)", (long long)value, name);
	else if (value < 0)
		snprintf(text, size, "%lld (%#llx)", (long long)value, bits);
	else if (value < 10)
		snprintf(text, size, "%llu", bits);
	else
		snprintf(text, size, "%llu (%#llx)", bits, bits);
	return text;
}

__attribute__((noreturn))
static inline void check_numbers_failed(const struct check_site *site, __int128 is,
					__int128 wanted)
{
	const char *name = errno ? strerrorname_np(errno) : NULL;
	char is_text[64], wanted_text[64];

	check_number(is_text, sizeof(is_text), is);
	check_number(wanted_text, sizeof(wanted_text), wanted);
	/* System calls and mmap() return this, and leave the reason in errno. */
	if (name && (is == -1 || is == (__int128)UINT64_MAX) && wanted >= 0)
		snprintf(is_text, sizeof(is_text), "%lld; errno is %s", (long long)is, name);
	fail(site->file, site->line, "%s(%s, %s)\n  is:     %s\n  wanted: %s%s", site->check,
	     site->is, site->wanted, is_text, site->than, wanted_text);
}

/* A text as C source has it, as far as that has room. */
static inline const char *check_quote(char *text, size_t size, const char *from)
{
	size_t len = 0;

	text[len++] = '"';
	for (; *from && len + 4 < size; from++) {
		if (*from == '\n' || *from == '"' || *from == '\\')
			text[len++] = '\\';
		text[len++] = *from == '\n' ? 'n' : *from;
	}
	snprintf(text + len, size - len, "%s", *from ? "..." : "\"");
	return text;
}

static inline void check_strings(const struct check_site *site, const char *is,
				 const char *wanted)
{
	char is_text[1024], wanted_text[1024];

	if (strcmp(is, wanted))
		fail(site->file, site->line, "%s(%s, %s)\n  is:     %s\n  wanted: %s", site->check,
		     site->is, site->wanted, check_quote(is_text, sizeof(is_text), is),
		     check_quote(wanted_text, sizeof(wanted_text), wanted));
}

static inline void check_contains(const struct check_site *site, const char *is,
				  const char *wanted)
{
	char is_text[1024], wanted_text[1024];

	if (!strstr(is, wanted))
		fail(site->file, site->line, "%s(%s, %s)\n  is:     %s\n  has no: %s", site->check,
		     site->is, site->wanted, check_quote(is_text, sizeof(is_text), is),
		     check_quote(wanted_text, sizeof(wanted_text), wanted));
}

/* Up to CHECK_BYTES bytes of memory from @from on, the one at @mark in brackets. */
static inline const char *check_bytes(char *text, size_t size, const uint8_t *memory,
				      size_t from, size_t end, size_t mark)
{
	size_t len = 0, i;

	for (i = from; i < end && i < from + CHECK_BYTES; i++)
		len += snprintf(text + len, size - len, i == mark ? "[%02x]" : " %02x ",
				memory[i]);
	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
	return text;
}

static inline void check_memory_same(const struct check_site *site, const void *is,
				     const void *wanted, size_t len)
{
	const volatile uint8_t *a = is, *b = wanted;
	char is_text[128], wanted_text[128];
	size_t first, from, count = 0, i;

	if (!memcmp(is, wanted, len))
		return;
	for (first = 0; first < len && a[first] == b[first]; first++)
		;
	for (i = first; i < len; i++)
		count += a[i] != b[i];
	from = first - first % CHECK_BYTES;
	check_bytes(is_text, sizeof(is_text), is, from, len, first);
	check_bytes(wanted_text, sizeof(wanted_text), wanted, from, len, first);
	fail(site->file, site->line,
	     "%s(%s, %s)\n  %zu of %zu bytes differ, the first at %zu (%#zx); from %#zx on\n"
	     "  is:     %s\n  wanted: %s", site->check, site->is, site->wanted, count, len, first,
	     first, from, is_text, wanted_text);
}

static inline void check_memory_differs(const struct check_site *site, const void *is,
					const void *other, size_t len)
{
	if (!memcmp(is, other, len))
		fail(site->file, site->line, "%s(%s, %s)\n  the %zu bytes are the same",
		     site->check, site->is, site->wanted, len);
}

#define CHECK_SITE(name, than, is, wanted) \
	(&(const struct check_site) { __FILE__, __LINE__, name, than, is, wanted })

/* A pointer as the number that it is; an integer as it is. (5: pointer_type_class of GCC) */
#define CHECK_NUMBER(value) \
	__builtin_choose_expr(__builtin_classify_type(value) == 5, (uintptr_t)(value), (value))

#define CHECK_NUMBERS(name, op, than, is, wanted, is_text, wanted_text) \
	do { \
		__int128 is_ = CHECK_NUMBER(is), wanted_ = CHECK_NUMBER(wanted); \
		if (!(is_ op wanted_)) \
			check_numbers_failed(CHECK_SITE(name, than, is_text, wanted_text), \
					     is_, wanted_); \
	} while (0)

/* Of any two integers or pointers: compared as numbers, so -1 is no UINT64_MAX. */
#define check_eq(is, wanted) \
	CHECK_NUMBERS("check_eq", ==, "", is, wanted, #is, #wanted)
#define check_ne(is, wanted) \
	CHECK_NUMBERS("check_ne", !=, "other than ", is, wanted, #is, #wanted)
#define check_lt(is, wanted) \
	CHECK_NUMBERS("check_lt", <, "less than ", is, wanted, #is, #wanted)
#define check_le(is, wanted) \
	CHECK_NUMBERS("check_le", <=, "at most ", is, wanted, #is, #wanted)
#define check_gt(is, wanted) \
	CHECK_NUMBERS("check_gt", >, "more than ", is, wanted, #is, #wanted)
#define check_ge(is, wanted) \
	CHECK_NUMBERS("check_ge", >=, "at least ", is, wanted, #is, #wanted)

#define check(condition) \
	do { \
		if (!(condition)) \
			fail(__FILE__, __LINE__, "check(%s)", #condition); \
	} while (0)

/* With what tells more than the condition: a format and its arguments. */
#define check_msg(condition, format, ...) \
	do { \
		if (!(condition)) \
			fail(__FILE__, __LINE__, "check(%s)\n  " format, #condition, \
			     ##__VA_ARGS__); \
	} while (0)

#define check_str_eq(is, wanted) \
	check_strings(CHECK_SITE("check_str_eq", "", #is, #wanted), is, wanted)
/* @wanted stands somewhere in the string @is. */
#define check_has(is, wanted) \
	check_contains(CHECK_SITE("check_has", "", #is, #wanted), is, wanted)

/* Of @len bytes. */
#define check_mem_eq(is, wanted, len) \
	check_memory_same(CHECK_SITE("check_mem_eq", "", #is, #wanted), is, wanted, len)
#define check_mem_ne(is, other, len) \
	check_memory_differs(CHECK_SITE("check_mem_ne", "", #is, #other), is, other, len)

#endif
