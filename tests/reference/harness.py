# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the models share: named checks, where the public vectors are, captures, and two
sessions that talk to each other."""
import os
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
from report import run_checks  # noqa: E402


def run(name, checks):
    """@see run_checks"""
    run_checks(f"reference/{name}", checks)


def expect(truth, sentence):
    if not truth:
        raise AssertionError(sentence)


def equal(found, wanted, what=""):
    if found != wanted:
        def shown(value):
            return value.hex() if isinstance(value, bytes) else value
        raise AssertionError(f"{what}: {shown(found)} is not {shown(wanted)}")


def vectors(name):
    """The path of a public vector, or None."""
    where = pathlib.Path(os.environ.get("PENSTOCK_VECTORS", ROOT.parent / "shared/vectors"))
    return where / name if (where / name).exists() else None


def udp_of_capture(path):
    """Payloads of UDP over IPv4 over Ethernet in a pcap file."""
    data, at = path.read_bytes(), 24
    order = "<" if data[0] in (0xd4, 0x4d) else ">"
    while at < len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        packet = data[at + 16 + 14:at + 16 + size]
        at += 16 + size
        if packet[0] >> 4 == 4 and packet[9] == 17:
            udp = packet[(packet[0] & 15) * 4:]
            yield udp[8:struct.unpack("!H", udp[4:6])[0]]


class Wire:
    """Carries datagrams between two sessions, in order, and keeps them; mangle(number, datagram) may
    replace one by a list of others."""

    def __init__(self, left, right, mangle=None):
        self.ends, self.mangle, self.seen = (left, right), mangle, []

    def carry(self, sender, datagrams):
        queue = [(sender, d) for d in datagrams]
        while queue:
            source, data = queue.pop(0)
            target = self.ends[1] if source is self.ends[0] else self.ends[0]
            number = len(self.seen)
            self.seen.append(data)
            for one in self.mangle(number, data) if self.mangle else [data]:
                queue += [(target, d) for d in target.receive(one)]
            if number > 100:
                raise AssertionError("the two do not come to an end")
