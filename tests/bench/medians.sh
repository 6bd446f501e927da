# SPDX-License-Identifier: Apache-2.0
# Sourced. medians FILE: "name value unit" lines of several runs, one median a name, in order of appearance.
# shellcheck shell=bash
medians() {
	awk '!($1 in n) { order[++k] = $1 } { v[$1, ++n[$1]] = $2; unit[$1] = $3 }
	END { for (i = 1; i <= k; i++) { a = order[i]; m = n[a]
		for (x = 1; x <= m; x++) for (y = x + 1; y <= m; y++) if (v[a, y] < v[a, x]) { t = v[a, x]; v[a, x] = v[a, y]; v[a, y] = t }
		print a, v[a, int((m + 1) / 2)], unit[a] } }' "$1"
}
