#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A paced, numbered UDP stream.

  stream.py send DESTINATION PORT PACKETS_PER_SECOND SECONDS [SOURCE]
  stream.py receive ADDRESS PORT IDLE_SECONDS

The sender keeps to absolute times and ends with a few packets that say so. Each prints one JSON object:
what was sent; what came, what is missing, double or out of order, and what this kernel's own sockets
lost meanwhile, by its counters (UdpRcvbufErrors and the drops of this socket).
SIGUSR1 makes a sender stop early.
"""
import json
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("!IQ")  # magic, number
MAGIC, END = 0x50535430, 0x50535445
PAYLOAD = 200


def rcvbuf_errors():
    rows = [line.split() for line in open("/proc/net/snmp") if line.startswith("Udp:")]
    return int(dict(zip(rows[0], rows[1]))["RcvbufErrors"])


def socket_drops(port):
    with open("/proc/net/udp") as table:
        return sum(int(row.split()[-1]) for row in list(table)[1:] if row.split()[1].endswith(f":{port:04X}"))


def send(destination, port, rate, seconds, source=None):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if source:
        out.bind((source, 0))
    stop = []
    signal.signal(signal.SIGUSR1, lambda *_: stop.append(1))
    filler = bytes(PAYLOAD - HEADER.size)
    total, number, refused = int(rate * seconds), 0, 0
    start = time.monotonic()
    while number < total and not stop:
        due = min(total, int((time.monotonic() - start) * rate) + 1)
        while number < due:
            try:
                out.sendto(HEADER.pack(MAGIC, number) + filler, (destination, port))
            except OSError:
                refused += 1
            number += 1
        time.sleep(max(0, start + number / rate - time.monotonic()))
    time.sleep(0.5)
    for _ in range(5):
        try:
            out.sendto(HEADER.pack(END, number), (destination, port))
        except OSError:
            refused += 1
        time.sleep(0.05)
    print(json.dumps({"sent": number, "refused": refused, "seconds": round(time.monotonic() - start, 2)}))


def receive(address, port, idle):
    into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (33, socket.SO_RCVBUF):  # SO_RCVBUFFORCE where we may
        try:
            into.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
            break
        except OSError:
            pass
    into.bind((address, port))
    into.settimeout(idle)
    before = rcvbuf_errors()
    print("ready", flush=True)
    seen, double, reordered, highest, total = set(), 0, 0, -1, None
    longest, last = 0.0, None
    while True:
        try:
            packet = into.recv(2048)
        except socket.timeout:
            break
        now = time.monotonic()
        magic, number = HEADER.unpack_from(packet)
        if magic == END:
            total = number
            into.settimeout(0.7)
            continue
        longest, last = max(longest, now - last if last else 0), now
        if number in seen:
            double += 1
        elif number < highest:
            reordered += 1
        seen.add(number)
        highest = max(highest, number)
    missing = [n for n in range(highest + 1 if total is None else total) if n not in seen]
    print(json.dumps({"received": len(seen), "total": total, "first_missing": missing[:8],
                      "double": double, "reordered": reordered, "longest_gap_ms": round(longest * 1000),
                      "kernel_lost": max(rcvbuf_errors() - before, socket_drops(port))}))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]), *sys.argv[6:7])
    else:
        receive(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
