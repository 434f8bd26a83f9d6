/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line for each action, on stdout; what went wrong goes to stderr. */
#ifndef LOG_H
#define LOG_H

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

#endif
