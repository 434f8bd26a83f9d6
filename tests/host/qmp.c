// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor is at the other end of a serial line that earlier tests used as
 * well. So every command has an id of its own, and whatever comes without that
 * id (the greeting, events, late answers, half a line) is passed over. Nor is
 * the monitor's own input clean: a line that is opened echoes for a moment, and
 * half a greeting sent back leaves the monitor waiting for the rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"

#define OBJECT		"/machine/peripheral/accel0"
#define ANSWER_MS	20000
#define RETRY_MS	4000
#define RESET_MS	10	/* the default of reset-delay */

static struct {
	int fd;
	unsigned int commands;
	char input[8192];
	size_t len;
} qmp = { .fd = -1 };

/* The next line, without its end; NULL if none comes. It stays until the next call. */
static char *next_line(int wait_ms)
{
	static char line[sizeof(qmp.input)];
	struct pollfd poll_in = { .fd = qmp.fd, .events = POLLIN };
	ssize_t got;
	char *end;

	while (!(end = memchr(qmp.input, '\n', qmp.len))) {
		if (qmp.len == sizeof(qmp.input))
			qmp.len = 0;
		if (poll(&poll_in, 1, wait_ms) <= 0)
			return NULL;
		got = read(qmp.fd, qmp.input + qmp.len, sizeof(qmp.input) - qmp.len);
		check_gt(got, 0);
		qmp.len += got;
	}

	*end++ = '\0';
	memcpy(line, qmp.input, end - qmp.input);
	qmp.len -= end - qmp.input;
	memmove(qmp.input, end, qmp.len);
	return line;
}

static void send_all(const char *text, size_t len)
{
	ssize_t sent;

	for (; len; text += sent, len -= sent) {
		sent = write(qmp.fd, text, len);
		check_gt(sent, 0);
	}
}

/* Run a command, given without its braces; the line of its answer, or NULL. */
static char *__command(const char *body, int wait_ms)
{
	char text[512], id[64];
	char *line;

	snprintf(id, sizeof(id), "\"id\": \"%d-%u\"", getpid(), qmp.commands++);
	send_all(text, snprintf(text, sizeof(text), "{ %s, %s }\n", body, id));
	do {
		line = next_line(wait_ms);
	} while (line && !strstr(line, id));
	return line;
}

static char *command(const char *body)
{
	char *line = __command(body, ANSWER_MS);

	check_msg(line, "QEMU's monitor does not answer");
	return line;
}

static void connect_monitor(void)
{
	unsigned int tries = 5;
	struct termios raw;

	if (qmp.fd >= 0)
		return;
	qmp.fd = open(QMP_LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	check_ge(qmp.fd, 0);
	check_eq(tcgetattr(qmp.fd, &raw), 0);
	cfmakeraw(&raw);
	/* The last bytes of an answer wait for more of them as long as four take at this speed. */
	check_eq(cfsetspeed(&raw, B115200), 0);
	check_eq(tcsetattr(qmp.fd, TCSANOW, &raw), 0);
	/* No JSON has this byte: the monitor drops what it has of a command. */
	send_all("\xff\n", 2);
	/* An error if said already, by an earlier test or because the line lost the answer. */
	while (tries-- && !__command("\"execute\": \"qmp_capabilities\"", RETRY_MS))
		;
}

static bool clearing(void)
{
	bool ret = false;
	glob_t found;
	size_t i;

	glob("/sys/bus/pci/drivers/" PCI_DRIVER "/*/clearing", 0, NULL, &found);
	for (i = 0; i < found.gl_pathc; i++) {
		char *text = read_file(found.gl_pathv[i]);

		ret |= *text == '1';
		free(text);
	}
	globfree(&found);
	return ret;
}

/* What the driver does to a device that was closed may be a reset: first it ends. */
static void settle(void)
{
	unsigned int tries = ANSWER_MS;

	while (clearing() && tries--)
		usleep(1000);
}

static uint64_t get_property(const char *property)
{
	static const char key[] = "\"return\": ";
	char body[256];
	char *line, *value;

	connect_monitor();
	snprintf(body, sizeof(body),
		 "\"execute\": \"qom-get\", \"arguments\": { "
		 "\"path\": \"" OBJECT "\", \"property\": \"%s\" }", property);
	line = command(body);
	value = strstr(line, key);
	check_msg(value, "%s: %s", property, line);
	value += strlen(key);
	if (!strncmp(value, "true", 4))
		return 1;
	if (!strncmp(value, "false", 5))
		return 0;
	return strtoull(value, NULL, 10);
}

uint64_t qmp_get(const char *property)
{
	settle();
	return get_property(property);
}

static void set_property(const char *property, const char *value)
{
	char body[256];
	char *line;

	connect_monitor();
	snprintf(body, sizeof(body),
		 "\"execute\": \"qom-set\", \"arguments\": { "
		 "\"path\": \"" OBJECT "\", \"property\": \"%s\", \"value\": %s }",
		 property, value);
	line = command(body);
	check_msg(strstr(line, "\"return\""), "%s: %s", property, line);
}

void qmp_set(const char *property, bool value)
{
	set_property(property, value ? "true" : "false");
}

void qmp_set32(const char *property, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, value);
	set_property(property, text);
}

static void plug(unsigned int decoders, int reset_delay)
{
	char body[256], *line;

	connect_monitor();
	snprintf(body, sizeof(body),
		 "\"execute\": \"device_add\", \"arguments\": { \"driver\": \"cxl-accel\", \"id\": \"accel0\", \"bus\": \"accel0-port\", \"memdev\": \"accel0-hdm\", \"interleave\": true, \"decoders\": %u, \"reset-delay\": %d }",
		 decoders, reset_delay);
	line = command(body);
	check_msg(strstr(line, "\"return\""), "plugging in: %s", line);
}

void qmp_plug(unsigned int decoders)
{
	plug(decoders, RESET_MS);
}

void qmp_plug_endless_reset(void)
{
	plug(1, -1);
}

void qmp_unplug(void)
{
	char *line;

	connect_monitor();
	line = command("\"execute\": \"device_del\", \"arguments\": { \"id\": \"accel0\" }");
	check_msg(strstr(line, "\"return\""), "taking out: %s", line);
}

/* A command for people; the line that has its answer. */
__attribute__((format(printf, 1, 2)))
static char *monitor_command(const char *format, ...)
{
	char text[128], body[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	connect_monitor();
	snprintf(body, sizeof(body),
		 "\"execute\": \"human-monitor-command\", \"arguments\": { \"command-line\": \"%s\" }",
		 text);
	return command(body);
}

uint32_t qmp_physical(uint64_t address)
{
	char *line, *value;

	settle();
	line = monitor_command("xp /1xw %#llx", (unsigned long long)address);
	/* "return": "ADDRESS: 0xVALUE\r\n" */
	value = strstr(line, ": 0x");
	check_msg(value, "%#llx: %s", (unsigned long long)address, line);
	return strtoul(value + 2, NULL, 16);
}

/*
 * Bank 4 of processors before scalable MCA is memory's, and its extended error code 8 an
 * error of its ECC (legacy_mce_is_memory_error()). Deferred: found, and not consumed.
 */
void qmp_deferred_error(uint64_t address)
{
	const uint64_t valid = 1ull << 63, enabled = 1ull << 60, has_address = 1ull << 58,
		       deferred = 1ull << 44, memory_ecc = 8 << 16;
	const uint64_t status = valid | enabled | has_address | deferred | memory_ecc;
	char *line = monitor_command("mce 0 4 %#llx 0 %#llx 0", (unsigned long long)status,
			   (unsigned long long)address);

	check_msg(strstr(line, "\"return\": \"\""), "mce: %s", line);
}

void qmp_aer_error_of(const char *device, const char *error)
{
	char *line = monitor_command("pcie_aer_inject_error %s %s", device, error);

	check_msg(strstr(line, "OK"), "%s: %s", error, line);
}

void qmp_aer_error(const char *error)
{
	qmp_aer_error_of("accel0", error);
}

/*
 * CONTROL2 is one of these: what a user may do to it is taken back at close.
 * STATUS2 is not: it tells what the device did last.
 */
static const char * const state_properties[] = {
	"hdm-capability", "hdm-global-control", "bi-enable", "metadata-control",
	"dvsec-mapped-hpa", "dvsec-mapped-size",
	"dvsec-control", "dvsec-control2", "dvsec-lock",
	"dvsec-range1-base", "dvsec-range1-size",
	"arb-mux-scratch", "component-writes",
};

/* Of each decoder. */
static const char * const decoder_properties[] = {
	"base", "size", "skip", "control", "mapped-hpa", "mapped-size",
};

static void add_state(struct qmp_state *state, const char *property)
{
	check_lt(state->count, QMP_STATE_MAX);
	snprintf(state->name[state->count], sizeof(*state->name), "%s", property);
	state->value[state->count++] = get_property(property);
}

void qmp_state_read(struct qmp_state *state)
{
	char property[32];
	unsigned int n;
	size_t i;

	settle();
	state->count = 0;
	for (i = 0; i < ARRAY_SIZE(state_properties); i++)
		add_state(state, state_properties[i]);
	for (n = 0; n < cxlr_hdm_decoder_count(state->value[0]); n++)
		for (i = 0; i < ARRAY_SIZE(decoder_properties); i++) {
			snprintf(property, sizeof(property), "hdm%u-%s", n, decoder_properties[i]);
			add_state(state, property);
		}
}

void qmp_state_same(const struct qmp_state *is, const struct qmp_state *was)
{
	unsigned int i;

	check_eq(is->count, was->count);
	for (i = 0; i < is->count; i++)
		check_msg(is->value[i] == was->value[i], "%s was %#llx and is %#llx", is->name[i],
			  (unsigned long long)was->value[i], (unsigned long long)is->value[i]);
}
