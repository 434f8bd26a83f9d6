# SPDX-License-Identifier: GPL-2.0-only
#
# Builds everything that is built with the lab's compiler. Runs inside the
# lab's root, at /vfio-cxl; the Makefile at the top calls it.

build := build
release := $(patsubst vmlinuz-%,%,$(notdir $(lastword $(shell ls -v /boot/vmlinuz-*))))
debug := /cache/kernel-debug
FUZZ_SECONDS ?= 60

include quiet.mk
# Everything at once, unless it was said how much.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

all: lib driver firmware qemu tests demo bench examples guest prototypes guestfs \
	$(build)/initramfs/$(release) $(build)/vmlinux/$(release)

driver:
	@$(MAKE) -C driver KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/driver/$(release)

debug: lib firmware qemu examples $(build)/initramfs/builtin
	@$(MAKE) -C tests/host KDIR=$(debug)/build \
		OUT=$(CURDIR)/$(build)/tests/host
	@$(MAKE) -C driver KDIR=$(debug)/build \
		OUT=$(CURDIR)/$(build)/driver/$$(cat $(debug)/build/include/config/kernel.release)

firmware:
	@$(MAKE) -C lab/firmware

qemu:
	@$(MAKE) -C qemu QEMU_SRC=/cache/qemu-headers

lib:
	@$(MAKE) -C lib

tests: lib
	@$(MAKE) -C tests/host

demo:
	@$(MAKE) -C demo

device-check: qemu
	@$(MAKE) -C qemu QEMU_SRC=/cache/qemu-headers check

# docs/registers.md is what the tables say, or unit fails.
$(build)/print: registers/print.c $(wildcard registers/map*.[ch]) registers/cxl_regs.h
	$(call quiet,CC)$(CC) -O1 -g -std=gnu11 -Wall -Wextra -Werror -fsanitize=address,undefined \
		-o $@ $(filter %.c,$^)

# A minute in all.
fuzz:
	@$(MAKE) -C tests/fuzz all
	@$(MAKE) -C tests/fuzz run SECONDS=$(FUZZ_SECONDS)

guest:
	@$(MAKE) -C guest KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/guest/$(release)

prototypes:
	@$(MAKE) -C prototypes/coherent KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/prototypes/coherent/$(release)

# With what of the project runs in guests: made anew each time, in a second.
guestfs: guest bench guest-tests
	@lab/guestfs $(release) $(build)/initramfs/guest-$(release)

guest-tests:
	@$(MAKE) -C tests/guest

examples:
	@$(MAKE) -C examples/vmm

bench:
	@$(MAKE) -C bench

docs: $(build)/print
	$(call quiet,GEN,docs/registers.md)$< >docs/registers.md
	@$(MAKE) -C tests/unit rules
	$(call quiet,GEN,docs/lifecycle.md)sed -i -e '/^<!-- rules -->/,/^<!-- end of rules -->/{//!d}' \
			-e '/^<!-- rules -->/r $(build)/tests/unit/rules.md' docs/lifecycle.md

docs-check: $(build)/print
	@$< | diff -u docs/registers.md - || \
		{ echo "docs/registers.md is not what the tables say: make docs" >&2; exit 1; }

unit: docs-check
	@$(MAKE) -C tests/unit check

$(build)/vmlinux/%: /boot/vmlinuz-% lab/vmlinux
	$(call quiet,GEN)lab/vmlinux $< $@

$(build)/initramfs/builtin: lab/initramfs lab/archive.sh
	$(call quiet,GEN)lab/initramfs - $@

$(build)/initramfs/%: lab/initramfs lab/archive.sh
	$(call quiet,GEN)lab/initramfs $* $@

.PHONY: all lib driver debug firmware qemu guest guestfs guest-tests tests demo examples fuzz bench \
	prototypes docs docs-check unit device-check
