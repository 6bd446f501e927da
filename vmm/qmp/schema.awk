# SPDX-License-Identifier: Apache-2.0
# Puts the status numbers of QMP into the schema (rules.mk): first the list, as lines MEMBER NAME "key" "qmp" and
# NAME NAME "name in QMP", then schema.json.
$1 == "MEMBER" {
	n++
	name[n] = $2
	key[n] = $3
	type[n] = $4
	gsub(/"/, "", key[n])
	gsub(/"/, "", type[n])
	gsub(/_/, "-", key[n])
	next
}
$1 == "NAME" {
	for (i = 1; i <= n; i++)
		if (name[i] == $2) {
			key[i] = $3
			gsub(/"/, "", key[i])
		}
	next
}
match($0, /"@": "[A-Z]+"/) {
	want = substr($0, RSTART + 6, RLENGTH - 7)
	members = ""
	for (i = 1; i <= n; i++)
		if ("_" type[i] "_" ~ "_" want "_")
			members = members (members == "" ? "" : ", ") "\"" (type[i] ~ /OPTIONAL/ ? "*" : "") key[i] "\": \"int\""
	if (members == "") {
		print "schema.json: no status number is of type " want > "/dev/stderr"
		exit 1
	}
	$0 = substr($0, 1, RSTART - 1) members substr($0, RSTART + RLENGTH)
}
{ print }
