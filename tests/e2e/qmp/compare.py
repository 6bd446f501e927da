#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two logs of session.py in shape: keys and types of what each command returned, classes of errors, events.

compare.py PANDO.json QEMU.json QMP.md

Differences must be in the table of QMP.md (| `command` | `path` | pando | QEMU | why |), and what the table lists must
differ. Prints PASS or FAIL for each command.
"""
import json
import re
import sys


def merge(a, b):
    if a is None or a == b:
        return b
    if isinstance(a, dict) and isinstance(b, dict):
        return {k: merge(a.get(k), b[k]) if k in b else a[k] for k in {**a, **b}}
    if isinstance(a, list) and isinstance(b, list):
        return [merge(a[0] if a else None, b[0])] if b else a
    return f"{a}|{b}"


def shape(v):
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        out = None
        for x in v:
            out = merge(out, shape(x))
        return [] if out is None else [out]
    return {bool: "bool", int: "int", float: "number", str: "str", type(None): "null"}[type(v)]


def diff(a, b, path=""):
    """(path, ours, theirs) wherever two shapes differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(set(a) | set(b)):
            p = f"{path}.{k}" if path else k
            if k not in a or k not in b:
                yield p, "there" if k in a else "-", "there" if k in b else "-"
            else:
                yield from diff(a[k], b[k], p)
    elif isinstance(a, list) and isinstance(b, list):
        if a and b:
            yield from diff(a[0], b[0], path + "[]")
        elif a or b:
            yield path + "[]", "elements" if a else "empty", "elements" if b else "empty"
    elif a != b:
        yield path or ".", a if isinstance(a, str) else "structure", b if isinstance(b, str) else "structure"


def counts(x):
    """QEMU's BIOS resets the machine once more after a reset, some time later, if it had come to its end before."""
    return x["event"] != "NIC_RX_FILTER_CHANGED" and not (x["event"] == "RESET" and x["data"]["guest"])


def outcome(e):
    caused = [x for x in e["events"] if counts(x)]
    o = {"events": [x["event"] for x in caused]}
    for x in caused:
        o["data of " + x["event"]] = shape(x.get("data", {}))
    o["events"] = {x: "event" for x in o["events"]}
    if "error" in e:
        o["error"] = {"class " + e["error"]["class"]: "str"}
    else:
        # Only shapes: what an introspection lists is compared by the unit tests.
        o["return"] = shape(e["return"]) if e["command"] != "query-qmp-schema" else "list"
    return o


def key(e):
    args = {k: v for k, v in e["args"].items() if k != "protocol" or not v.startswith("file:/")}
    return e["command"] + (" " + json.dumps(args) if args else "")


def table(path):
    rows = {}
    for line in open(path):
        m = re.match(r"\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", line.strip())
        if m:
            rows[(m[1], m[2])] = [m[3].strip(), m[4].strip(), m[5].strip(), False]
    return rows


ours, theirs, known = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), table(sys.argv[3])
pairs = {}
for i, log in enumerate((ours, theirs)):
    n = {}
    for e in log:
        k = key(e)
        n[k] = n.get(k, 0) + 1
        pairs.setdefault((k, n[k]), [None, None])[i] = e
bad = 0
verdicts = {}
for (k, n), (a, b) in pairs.items():
    if not b:
        continue  # ours alone
    problems = verdicts.setdefault(k.split(" ")[0], [])
    for p, x, y in diff(outcome(a), outcome(b)):
        row = known.get((k.split(" ")[0], p))
        if not row or row[:2] != [x, y]:
            problems.append(f"{k}: {p}: {x} here, {y} in QEMU: not in the table of QMP.md")
        else:
            row[3] = True
for c, problems in verdicts.items():
    print(f"{'FAIL' if problems else 'PASS'} qmp.shape.{c}" + (": " + "; ".join(problems) if problems else ""))
    bad |= bool(problems)
for (c, p), row in known.items():
    if not row[3]:
        print(f"FAIL qmp.table: QMP.md lists {c} {p} ({row[0]} here, {row[1]} in QEMU), which does not differ so")
        bad = 1
if not bad:
    print("PASS qmp.table")
sys.exit(bad)
