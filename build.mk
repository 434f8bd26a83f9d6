# SPDX-License-Identifier: GPL-2.0-only
#
# What the makefiles of programs share: flags, and the rules for objects and
# programs. A makefile sets what it needs of these before it includes
# this file, and then lists its programs:
#
#   includes   directories of headers, relative to the makefile
#   flags      what the code needs to be compiled with
#   programs   names of programs, which are linked in OUT
#
#   make OUT=DIR where everything goes; CFLAGS="-O0 -g" takes the place of -O2 -g

top := $(dir $(lastword $(MAKEFILE_LIST)))
include $(top)quiet.mk

OUT ?= $(built)/$(patsubst $(abspath $(top))/%,%,$(CURDIR))
CFLAGS ?= -O2 -g

# An object lies in OUT as its source lies in the project, and is called so.
objects = $(patsubst %,$(OUT)/obj/%.o,$1)
shown = $(built)/$(patsubst $(OUT)/obj/%,%,$@)

warnings := -Wall -Wextra -Werror -Wmissing-prototypes
compile = $(CC) $(CPPFLAGS) $(includes:%=-I%) -std=gnu11 $(warnings) $(CFLAGS) $(flags) \
	-fmacro-prefix-map=$(top)= -MMD -MP -c -o $@ $<

# With nothing to do, nothing is said.
all:
	@:

$(OUT)/obj/%.o: $(top)%.c Makefile $(top)build.mk
	@mkdir -p $(@D)
	$(call quiet,CC,$(shown))$(compile)

$(programs:%=$(OUT)/%):
	$(call quiet,LD)$(CC) $(CFLAGS) $(flags) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

clean:
	$(call quiet,CLEAN,$(OUT))rm -rf $(OUT)

.PHONY: all clean
.SECONDARY:

-include $(wildcard $(patsubst %,$(OUT)/obj/%/*.d,* */* */*/*))
