# SPDX-License-Identifier: GPL-2.0-only
# What makes an initramfs, for lab/initramfs and lab/guestfs. Sourced by them,
# inside the lab's root, never run.
# shellcheck shell=bash

# modules RELEASE NAME...: the files of these modules and of those they need, in
# the order in which they can be loaded. What is built in has none.
modules()
(
	set -o pipefail
	modprobe -aS "$1" --show-depends "${@:2}" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
)

# unpack MODULE TO: copy a module's file, uncompressed; TO is without .xz then.
unpack()
{
	mkdir -p "$(dirname "$2")"
	case $1 in
	*.xz) xz -dc "$1" >"${2%.xz}" ;;
	*) cp "$1" "$2" ;;
	esac
}

# archive DIR OUTPUT: DIR, with an init that is read from standard input, as an
# initramfs. DIR is gone after that.
archive()
{
	cat >"$1/init"
	chmod +x "$1/init"
	mkdir -p "$(dirname "$2")"
	(cd "$1" && find . | cpio -o -H newc --quiet) >"$2.new"
	mv "$2.new" "$2"
	rm -r "$1"
}
