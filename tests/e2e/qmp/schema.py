#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether query-qmp-schema is true: prints PASS or FAIL lines.

schema.py returns LOG.json           every return and event in a log of session.py fits the schema in that log
schema.py arguments SOCKET QEMU      every command refuses arguments that its schema does not have, with QEMU's words

The second needs both servers running. Only calls that must be refused are made, so nothing happens to the guests.
"""
import json
import socket
import sys

SCALARS = {"string": str, "int": int, "number": (int, float), "boolean": bool}
OPEN = {"device_add", "blockdev-add", "netdev_add"}  # take whatever the device, or its driver, has; QEMU looks for that first


def by_name(schema):
    return {x["name"]: x for x in schema}


def misfit(types, name, v, where):
    """Why v is no value of the type, or None."""
    t = types.get(name)
    if t is None:
        return f"{where}: the schema has no type '{name}'"
    kind = t["meta-type"]
    if kind == "builtin":
        want = SCALARS.get(t["json-type"])
        ok = want is None or (isinstance(v, want) and (want is bool or not isinstance(v, bool)))
        return None if ok else f"{where}: {v!r} is no {t['json-type']}"
    if kind == "enum":
        return None if v in t["values"] else f"{where}: {v!r} is not in {name}"
    if kind == "array":
        if not isinstance(v, list):
            return f"{where}: {v!r} is no list"
        return next((w for i, x in enumerate(v) if (w := misfit(types, t["element-type"], x, f"{where}[{i}]"))), None)
    members = {m["name"]: m for m in t["members"]}
    if not isinstance(v, dict):
        return f"{where}: {v!r} is no object"
    for k in set(v) - set(members):
        return f"{where}.{k} is not in {name}"
    for k, m in members.items():
        if k not in v:
            if "default" not in m:
                return f"{where}.{k} is missing"
        elif w := misfit(types, m["type"], v[k], f"{where}.{k}"):
            return w
    return None


def returns(log):
    types = by_name(next(e["return"] for e in log if e["command"] == "query-qmp-schema"))
    listed = {x["name"] for e in log if e["command"] in ("query-commands", "query-events") for x in e.get("return", [])}
    has = {n for n, t in types.items() if t["meta-type"] in ("command", "event")}
    yield "lists_agree", None if listed == has else f"in one of the two lists only: {sorted(listed ^ has)}"
    seen = {}
    for e in log:
        c = e["command"]
        if "return" in e:
            seen[c] = seen.get(c) or misfit(types, types[c]["ret-type"], e["return"], c)
        for x in e["events"]:
            n = "event." + x["event"]
            t = types.get(x["event"], {"arg-type": "missing"})["arg-type"]
            seen[n] = seen.get(n) or misfit(types, t, x.get("data", {}), n)
    yield from (("returns." + n, why) for n, why in seen.items())


class Server:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(path)
        self.f = self.s.makefile("rb")
        self.f.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **args):
        self.s.sendall(json.dumps({"execute": command, "arguments": args}).encode())
        while "event" in (m := json.loads(self.f.readline())):
            pass
        return m


def plausible(types, name):
    t = types[name]
    if t["meta-type"] == "builtin":
        return {"string": "x", "int": 0, "number": 0, "boolean": False}.get(t["json-type"])
    return {"enum": lambda: t["values"][0], "array": list, "object": dict}[t["meta-type"]]()


def cases(types, command):
    """(arguments, what the refusal must contain)"""
    members = types[types[command]["arg-type"]]["members"]
    whole = {m["name"]: plausible(types, m["type"]) for m in members if "default" not in m}
    if command not in OPEN:
        yield {**whole, "nosuch": 1}, "Parameter 'nosuch' is unexpected"
    for k in whole:
        yield {x: whole[x] for x in whole if x != k}, f"Parameter '{k}' is missing"
    for m in members:
        t = types[m["type"]]
        if t.get("json-type") == "value":
            continue
        wrong = 1 if t["meta-type"] in ("array", "object") else {}
        yield {**whole, m["name"]: wrong}, f"Invalid parameter type for '{m['name']}', expected: "
        if t["meta-type"] == "enum":
            yield {**whole, m["name"]: "nosuch"}, f"Parameter '{m['name']}' does not accept value 'nosuch'"


def arguments(ours, qemu):
    types = by_name(ours.ask("query-qmp-schema")["return"])
    theirs = {x["name"] for x in qemu.ask("query-commands")["return"]}
    for c in sorted(n for n, t in types.items() if t["meta-type"] == "command" and n != "qmp_capabilities"):
        problem = None
        for args, words in cases(types, c):
            got = ours.ask(c, **args).get("error", {"class": "none: it was done", "desc": ""})
            if got["class"] != "GenericError" or not got["desc"].startswith(words):
                problem = f"{args}: {got}, not '{words}'"
            elif c in theirs and c not in OPEN and (w := qemu.ask(c, **args).get("error")) != got:
                problem = f"{args}: {got} here, {w} in QEMU"
        yield "arguments." + c, problem


def main():
    if sys.argv[1] == "returns":
        results = returns(json.load(open(sys.argv[2])))
    else:
        results = arguments(Server(sys.argv[2]), Server(sys.argv[3]))
    bad = 0
    for name, why in results:
        print(f"FAIL qmp.schema.{name}: {why}" if why else f"PASS qmp.schema.{name}")
        bad |= bool(why)
    return bad


sys.exit(main())
