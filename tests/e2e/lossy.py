#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of a host that harms one frame between hosts, and may keep all that passes.

Usage: lossy.py LISTEN_PORT TARGET_PORT HOW KIND SIGN [RECORD]
  HOW   of plain hosts: lose: the frame is left out; unknown: its message gets a kind that does not exist; crc: it gets a
        checksum that is wrong; none: nothing happens. Of any: flip: a bit of what passes next, whatever it is (KIND: -)
  KIND  number of the coherence message (order of coherence/coh_msg.def) that is harmed, or "m" and the number of another
        message (net/msg.def)
  SIGN  a file: once it is there the next such frame is harmed, and "harmed" printed
  RECORD  a file, to which everything is appended that comes from either side, of every session

Only sessions between hosts are harmed (docs/WIRE.md: handshake, frame); all else passes as it is.
"""
import os
import selectors
import socket
import struct
import sys

HANDSHAKE = {True: 96, False: 128}  # call or answer, and proof: of the connector, and of the acceptor
HEADER = 16
ROLE_HOST = 1
COH = 1
CHUNK = 1 << 16

listen_port, target_port, how, kind, sign = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
record = open(sys.argv[6], "ab", buffering=0) if len(sys.argv) > 6 else None
done = how == "none"


def flip(data):
    """The same with one bit altered, in its middle."""
    global done
    if done or not data or not os.path.exists(sign):
        return data
    done = True
    print("harmed", flush=True)
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def harm(frame):
    """What is sent instead of the frame."""
    global done
    this = str(frame[HEADER]) if frame[3] == COH else f"m{frame[3]}"
    if done or this != kind or not os.path.exists(sign):
        return frame
    done = True
    print("harmed", flush=True)
    if how == "lose":
        return b""
    if how == "unknown":
        return frame[:HEADER] + b"\xc8" + frame[HEADER + 1:]
    return frame[:12] + b"\x01\x02\x03\x04" + frame[HEADER:]


class Way:
    """Bytes from one socket to the other; frames after the handshake where both ends are hosts."""

    def __init__(self, source, sink, session):
        self.source, self.sink, self.session = source, sink, session
        self.held, self.begun = b"", 0

    def pump(self):
        data = self.source.recv(CHUNK)
        if not data:
            return False
        if record:
            record.write(data)
        self.sink.sendall(self.frames(data))
        return True

    def frames(self, data):
        out = b""
        whole = HANDSHAKE[self.session["connector"] is self]
        if self.begun < whole:  # byte 9 of the connector's HELLO is its role
            n = min(whole - self.begun, len(data))
            if self.session["connector"] is self and self.begun <= 9 < self.begun + n:
                self.session["role"] = data[9 - self.begun]
            self.begun += n
            out, data = data[:n], data[n:]
        if self.session["role"] != ROLE_HOST:
            return out + data
        if how in ("flip", "none"):
            return out + (flip(data) if how == "flip" else data)
        self.held += data
        while len(self.held) >= HEADER:
            size = HEADER + struct.unpack_from("<I", self.held, 4)[0]
            if len(self.held) < size:
                break
            out += harm(self.held[:size])
            self.held = self.held[size:]
        return out


def main():
    sel = selectors.DefaultSelector()
    door = socket.create_server(("127.0.0.1", listen_port), backlog=64)
    sel.register(door, selectors.EVENT_READ, None)
    while True:
        for key, _ in sel.select():
            if key.data is None:
                near, _ = door.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", target_port))
                except OSError:
                    near.close()
                    continue
                session = {"role": 0}
                there, back = Way(near, far, session), Way(far, near, session)
                session["connector"] = there
                for s, way in ((near, there), (far, back)):
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    sel.register(s, selectors.EVENT_READ, way)
                continue
            way = key.data
            try:
                alive = way.pump()
            except OSError:
                alive = False
            if not alive:
                for s in (way.source, way.sink):
                    if s.fileno() >= 0:
                        sel.unregister(s)
                        s.close()


main()
