#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""First requests of IKEv2 from many addresses that never go on: `flood.py TARGET ADDRESS… SECONDS RATE`.

Each offers aes256gcm16-prfsha384-x25519 with a random value (RFC 7296 §3). At the end the answers are
told by kind: {"sent": n, "cookie": n, "accepted": n, "other": n}.
"""
import json
import os
import selectors
import socket
import struct
import sys
import time

NOTIFY, SA, COOKIE = 41, 33, 16390


def payload(following, body):
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def transform(last, kind, number, attribute=b""):
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def first_request():
    """HDR, SAi1, KEi, Ni (§1.2) with a random SPI."""
    transforms = (transform(False, 1, 20, struct.pack("!HH", 0x800E, 256)) + transform(False, 2, 6)
                  + transform(True, 4, 31))
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = (payload(34, proposal) + payload(40, struct.pack("!HH", 31, 0) + os.urandom(32))
            + payload(0, os.urandom(32)))
    return os.urandom(8) + bytes(8) + struct.pack("!BBBBII", SA, 0x20, 34, 0x08, 0, 28 + len(body)) + body


def kind_of(answer):
    if len(answer) < 36 or answer[16] == SA:
        return "accepted" if len(answer) >= 36 else "other"
    cookie = answer[16] == NOTIFY and struct.unpack("!H", answer[34:36])[0] == COOKIE
    return "cookie" if cookie else "other"


def main(target, *words):
    *addresses, seconds, rate = words
    told = {"sent": 0, "cookie": 0, "accepted": 0, "other": 0}
    sockets, waiting = [], selectors.DefaultSelector()
    for address in addresses:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, 0))
        one.connect((target, 500))
        sockets.append(one)
        waiting.register(one, selectors.EVENT_READ)
    end = time.monotonic() + float(seconds)
    following = time.monotonic()
    while (now := time.monotonic()) < end:
        if now >= following:
            sockets[told["sent"] % len(sockets)].send(first_request())
            told["sent"] += 1
            following = max(following + 1 / float(rate), now - 0.1)
        for key, _ in waiting.select(max(0.0, following - time.monotonic())):
            told[kind_of(key.fileobj.recv(2048))] += 1
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
