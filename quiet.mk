# SPDX-License-Identifier: GPL-2.0-only
#
# How a step is shown, for all makefiles here.
#
#   make       one line a step, as kbuild does
#   make V=1   the commands themselves
#   make -s    neither

MAKEFLAGS += --no-print-directory

# The build directory at the top, which the lines leave out.
built := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))build)

# $(call quiet,CC,FILE)COMMAND: the line of a step, or the command; FILE is the target
# if none is named.
ifneq ($(filter 1,$(V)),)
quiet =
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
quiet = @
else
quiet = @printf '  %-7s %s\n' $1 $(patsubst $(built)/%,%,$(abspath $(or $2,$@)));
endif
