# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash
#
# Sourced: counts what passed and failed, and says so.

number=0 passed=0 failed=0

# report NAME STATUS
report()
{
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number - $1"
		passed=$((passed + 1))
	else
		echo "not ok $number - $1"
		failed=$((failed + 1))
	fi
}

# Closing lines of programs and scripts that count.
closing='^[0-9]+ passed, [0-9]+ failed$'

# count FILE: the closing lines in it, to the sums.
count()
{
	local p f

	while read -r p _ f _; do
		passed=$((passed + p)) failed=$((failed + f))
	done <<<"$(tr -d '\r' <"$1" | grep -E "$closing")"
}

# finish: the closing line; the status is whether all is well.
finish()
{
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ] && [ $passed -gt 0 ]
}
