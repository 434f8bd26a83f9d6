# SPDX-License-Identifier: GPL-2.0-only
#
# Builds everything that is built with the lab's compiler. Runs inside the
# lab's root, at /vfio-cxl; the Makefile at the top calls it.

build := build
release := $(patsubst vmlinuz-%,%,$(notdir $(lastword $(shell ls -v /boot/vmlinuz-*))))
debug := /cache/kernel-debug
FUZZ_SECONDS ?= 60
jobs := -j$(shell nproc)

all: lib driver firmware qemu tests demo bench examples guest prototypes $(build)/initramfs/$(release) guestfs

driver:
	@$(MAKE) --no-print-directory -C driver KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/driver/$(release)

debug: lib firmware qemu examples $(build)/initramfs/builtin
	@$(MAKE) --no-print-directory $(jobs) -C tests/host KDIR=$(debug)/build \
		OUT=$(CURDIR)/$(build)/tests/host
	@$(MAKE) --no-print-directory -C driver KDIR=$(debug)/build \
		OUT=$(CURDIR)/$(build)/driver/$$(cat $(debug)/build/include/config/kernel.release)

firmware:
	@$(MAKE) --no-print-directory -C lab/firmware OUT=$(CURDIR)/$(build)/firmware

qemu:
	@$(MAKE) --no-print-directory $(jobs) -C qemu QEMU_SRC=/cache/qemu-headers OUT=$(CURDIR)/$(build)/qemu

lib:
	@$(MAKE) --no-print-directory -C lib OUT=$(CURDIR)/$(build)/lib

tests: lib
	@$(MAKE) --no-print-directory $(jobs) -C tests/host OUT=$(CURDIR)/$(build)/tests/host

demo:
	@$(MAKE) --no-print-directory -C demo OUT=$(CURDIR)/$(build)/demo

device-check: qemu
	@$(MAKE) --no-print-directory -C qemu QEMU_SRC=/cache/qemu-headers OUT=$(CURDIR)/$(build)/qemu check

# docs/registers.md is what the tables say, or unit fails.
$(build)/print: registers/print.c $(wildcard registers/map*.[ch]) registers/cxl_regs.h
	@$(CC) -O1 -g -std=gnu11 -Wall -Wextra -Werror -fsanitize=address,undefined \
		-o $@ $(filter %.c,$^)

# A minute in all.
fuzz:
	@$(MAKE) --no-print-directory -s $(jobs) -C tests/fuzz OUT=$(CURDIR)/$(build)/tests/fuzz all
	@$(MAKE) --no-print-directory -s -C tests/fuzz OUT=$(CURDIR)/$(build)/tests/fuzz run SECONDS=$(FUZZ_SECONDS)

guest:
	@$(MAKE) --no-print-directory -C guest KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/guest/$(release)

prototypes:
	@$(MAKE) --no-print-directory -C prototypes/coherent KDIR=/lib/modules/$(release)/build \
		OUT=$(CURDIR)/$(build)/prototypes/coherent/$(release)

# With what of the project runs in guests: made anew each time, in a second.
guestfs: guest bench guest-tests
	@lab/guestfs $(release) $(build)/initramfs/guest-$(release)

guest-tests:
	@$(MAKE) --no-print-directory $(jobs) -C tests/guest OUT=$(CURDIR)/$(build)/tests/guest

examples:
	@$(MAKE) --no-print-directory $(jobs) -C examples/vmm OUT=$(CURDIR)/$(build)/examples/vmm

bench:
	@$(MAKE) --no-print-directory -C bench OUT=$(CURDIR)/$(build)/bench

docs: $(build)/print
	@$< >docs/registers.md

docs-check: $(build)/print
	@$< | diff -u docs/registers.md - || \
		{ echo "docs/registers.md is not what the tables say: make docs" >&2; exit 1; }

unit: docs-check
	@$(MAKE) --no-print-directory $(jobs) -C tests/unit OUT=$(CURDIR)/$(build)/tests/unit check

$(build)/initramfs/builtin: lab/initramfs lab/archive.sh
	@lab/initramfs - $@

$(build)/initramfs/%: lab/initramfs lab/archive.sh
	@lab/initramfs $* $@

.PHONY: all lib driver debug firmware qemu guest guestfs guest-tests tests demo examples fuzz bench \
	prototypes docs docs-check unit device-check
