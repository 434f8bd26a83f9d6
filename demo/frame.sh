# SPDX-License-Identifier: GPL-2.0-only
# The frame of the demo's scripts, in the machine and in its guest: what frame.c
# is for its program. Sourced, never run.
# shellcheck shell=bash

# How many checks did not hold.
failed=0

# note: standard input, as the text of a step.
note() { sed 's/^/    /'; }

# check STATUS WHAT: report WHAT as held (STATUS 0) or not.
check()
{
	if [ "$1" -eq 0 ]; then
		echo "    ok: $2"
	else
		echo "    FAILED: $2"
		failed=$((failed + 1))
	fi
}
