# SPDX-License-Identifier: GPL-2.0-only
#
# The parts of the tests, each of which runs by itself. The Makefile at the top
# includes this; lab/lanes has make run those that were asked for, which is what
# decides how many run at a time and what waits for what.

# The machines of tests/suites that have a row for this kernel.
machines_for = $(shell awk '/^[a-z]/ && ($$2 == "both" || $$2 == "$(1)") && !seen[$$1]++ { print $$1 }' \
	tests/suites)

pure_parts := unit fuzz device lab
host_parts := $(addprefix host-,$(call machines_for,distribution))
debug_parts := $(addprefix debug-,$(call machines_for,debug))
guest_parts := $(addprefix guest-,$(shell awk '/^[a-z]/ { print $$1 }' tests/guest/parts))
long_parts := $(addprefix long-,$(shell awk '/^[a-z]/ { print $$1 }' tests/long))
check_parts := $(pure_parts) $(host_parts) $(guest_parts)
# What CI runs.
all_parts := demo style debug-kernel $(check_parts) $(debug_parts)
parts := $(all_parts) $(long_parts)

ifdef IN_LANE
$(parts):
	@lab/part $@

# The parts of LATER need the debug kernel (checkpatch comes with its source). They are
# the affair of a make of its own, in one recipe with the kernel's: this make comes back
# to a target that waits only when it has started all others. Both share the jobs.
with-debug-kernel:
	@lab/part debug-kernel
	+@$(MAKE) --no-print-directory -k -f tests/parts.mk $(LATER)

# For tests/matrix check.
list:
	@echo $(parts)

.PHONY: $(parts) with-debug-kernel list
endif
