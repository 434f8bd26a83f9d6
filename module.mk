# SPDX-License-Identifier: GPL-2.0-only
#
# How a module is built out of tree, for the makefiles of driver/, guest/ and
# prototypes/; with it comes what those of programs share (build.mk).
#
#   make modules        build for the running kernel, in build/
#   make KDIR=... OUT=...  for another kernel, in another directory
#   make sparse         with sparse on every file of the module; fails when it
#                       finds something, and when it is not run on all of them
#   make clean

KDIR ?= /lib/modules/$(shell uname -r)/build
OUT ?= $(CURDIR)/build

include $(dir $(lastword $(MAKEFILE_LIST)))build.mk

# kbuild takes V= from the command line only.
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(OUT) W=1e $(if $(V),V=$(V))

# What the kernel's headers need and sparse 0.6.4 does not know. They ask for the
# length of constant strings only.
CHECK = sparse -D__typeof_unqual__=__typeof__ "-D__builtin_strlen(x)=(sizeof(x)-1)"

all: modules

modules:
	@mkdir -p $(OUT)
	@$(kbuild) modules

# Debian's headers lack the script that tells kbuild whether sparse is any
# good; it warns then, and goes on without. A KBUILD_CHECKSRC of the command
# line it cannot clear. The files are counted all the same: .mod lists them,
# and kbuild names each that it checks, with quiet=quiet_ whatever V= and -s say.
sparse:
	@mkdir -p $(OUT)
	@$(kbuild) quiet=quiet_ KBUILD_CHECKSRC=2 CHECK='$(CHECK)' CF=-Wsparse-error modules \
		>$(OUT)/sparse.log 2>&1 || { cat $(OUT)/sparse.log; exit 1; }
	@seen=$$(grep -c '^  CHECK ' $(OUT)/sparse.log); all=$$(cat $(OUT)/*.mod | wc -l); \
	[ $$all -gt 0 ] && [ $$seen -eq $$all ] || \
		{ cat $(OUT)/sparse.log; echo "sparse was run on $$seen of $$all files"; exit 1; }

.PHONY: modules sparse
