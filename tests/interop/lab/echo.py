#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP and UDP between two ends, whatever lies between: each octet comes back and is compared.

  echo.py serve ADDRESS…           echoes on port 7007 of these addresses, for ever
  echo.py send ADDRESS,SOURCE…     prints a JSON list: of each what did not come back, or ""
"""
import hashlib
import json
import selectors
import socket
import sys
import threading

PORT = 7007
OCTETS = 100_000
DATAGRAMS = [1, 100, 1000, 1300] * 3
TRIES = 5  # of a datagram: nobody else repeats it


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve_tcp(listener):
    def echo(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def serve(addresses):
    selector = selectors.DefaultSelector()
    for address in addresses:
        listener = socket.create_server((address, PORT), family=family_of(address))
        threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
        datagrams = socket.socket(family_of(address), socket.SOCK_DGRAM)
        datagrams.bind((address, PORT))
        selector.register(datagrams, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            data, sender = key.fileobj.recvfrom(65536)
            key.fileobj.sendto(data, sender)


def pattern(octets, seed):
    return hashlib.shake_128(seed.encode()).digest(octets)


def tcp(address, source):
    data = pattern(OCTETS, address)
    with socket.create_connection((address, PORT), 10, (source, 0)) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
        sender.start()
        back = b""
        while len(back) < len(data) and (more := connection.recv(65536)):
            back += more
    return "" if back == data else f"TCP: {len(back)} octets of {len(data)} came back, or others"


def udp(address, source):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((source, 0))
        datagrams.connect((address, PORT))
        datagrams.settimeout(1)
        for number, octets in enumerate(DATAGRAMS):
            data = pattern(octets, f"{address} {number}")
            for _ in range(TRIES):
                datagrams.send(data)
                try:
                    if datagrams.recv(65536) == data:
                        break
                except TimeoutError:
                    continue
            else:
                return f"UDP: a datagram of {octets} octets did not come back"
    return ""


def send(pairs):
    faults = []
    for pair in pairs:
        address, source = pair.split(",")
        try:
            faults.append(tcp(address, source) or udp(address, source))
        except OSError as why:
            faults.append(str(why))
    print(json.dumps(faults))


if __name__ == "__main__":
    {"serve": serve, "send": send}[sys.argv[1]](sys.argv[2:])
