# SPDX-License-Identifier: Apache-2.0
# Judges what the bench printed: awk -v parts="native ..." -f figures.awk figures.txt OUTPUT   (OUTPUT may be -)
# Passes its lines on, each figure with its limit beside it; at the end says which are missing. The list's form is in the list.

# expand NAME: names with {a,b} in them, into list[1..n]; returns n
function expand(name, list,    work, n, k, m, at, pre, post, words, i) {
	work[m = 1] = name
	for (k = 1; k <= m; k++) {
		if (!match(work[k], /\{[^}]*\}/)) {
			list[++n] = work[k]
			continue
		}
		pre = substr(work[k], 1, RSTART - 1)
		post = substr(work[k], RSTART + RLENGTH)
		at = split(substr(work[k], RSTART + 1, RLENGTH - 2), words, ",")
		for (i = 1; i <= at; i++)
			work[++m] = pre words[i] post
	}
	return n
}

function wrong(text) {
	print "FAIL bench: " text
	bad++
}

function limit_text(l) {
	if (l == "-")
		return ""
	return " [" (l ~ /^aim/ ? "aim" : "limit") ": " (l ~ /<=/ ? "at most " : "at least ") substr(l, index(l, "=") + 1) "]"
}

function held(value, l,    x) {
	x = substr(l, index(l, "=") + 1) + 0
	return l == "-" || (l ~ /<=/ ? value + 0 <= x : value + 0 >= x)
}

NR == FNR {
	if (/^#/ || !NF)
		next
	if (NF < 5 || $4 !~ /^(-|(aim)?[<>]=[0-9.]+)$/)
		wrong("the list's line " FNR " is not: part name unit limit what")
	k = expand($2, names)
	for (i = 1; i <= k; i++) {
		if (names[i] in part)
			wrong("figure " names[i] " is listed twice")
		part[names[i]] = $1
		unit[names[i]] = $3
		limit[names[i]] = $4
		order[++listed] = names[i]
	}
	next
}

# A figure: a name of the list or anything that looks like one.
($1 in part) || (NF == 3 && $1 ~ /^[a-z][a-z0-9_]*$/) {
	if (!($1 in part)) {
		print
		wrong("figure " $1 " is not in the list (tests/bench/figures.txt)")
	} else if (NF != 3 || $2 !~ /^-?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?$/ || $3 != unit[$1]) {
		print # as if it had not come: what it should look like is told at the end
	} else {
		ok = held($2, limit[$1])
		print $0 limit_text(limit[$1]) (ok ? "" : limit[$1] ~ /^aim/ ? " MISSED" : " BROKEN")
		missed += !ok && limit[$1] ~ /^aim/
		if (!ok && limit[$1] !~ /^aim/)
			wrong("figure " $1 " is " $2 " " $3 "," limit_text(limit[$1]))
		came += !($1 in value)
		value[$1] = $2
	}
	fflush()
	next
}
{ print; fflush() }

END {
	for (i = 1; i <= listed; i++)
		if (index(" " parts " ", " " part[order[i]] " ") && !(order[i] in value))
			wrong("figure " order[i] " has no value (" unit[order[i]] ")")
	printf "bench: %d figures, %d aims missed, %d failed\n", came, missed, bad
	exit bad > 0
}
