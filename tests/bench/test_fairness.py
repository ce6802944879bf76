#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The loads of the case fairness are what they say, and its summary hides nothing."""
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from cryptography.exceptions import InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from report import run_checks  # noqa: E402
from tests.bench.lab import fairness, frames  # noqa: E402
from tests.bench.lab.measure import BenchError  # noqa: E402

SA = frames.Sa(0, "aes128gcm16")


def opened(packet):
    key, _ = SA.keys(inbound=True)
    payload = packet[20:]
    try:
        return AESGCM(key[:16]).decrypt(key[16:] + payload[8:16], payload[16:], payload[:8])
    except (InvalidTag, ValueError):
        return None


def loads():
    """ESP opens, garbage does not, first messages look like IKE_SA_INIT to us"""
    assert all(opened(packet) for packet in fairness.esp(SA))
    garbage = list(fairness.garbage(SA))
    assert len(garbage) == fairness.FRAMES and not any(opened(p) for p in garbage if p[9] == 50 and p[6:8] == b"\0\0")
    pieces = [packet for packet in garbage if packet[6] & 0x20 and packet[0] == 0x45 and frames.checksum(packet[:20]) == 0]
    assert len(pieces) >= fairness.FRAMES // 6, len(pieces)
    for packet in fairness.first_messages(SA):
        assert packet[9] == 17 and packet[16:20] == bytes([192, 0, 2, 1])
        ports = struct.unpack("!HH", packet[20:24])
        assert ports == (500, 500) and packet[45:47] == b"\x20\x22", packet[28:56].hex()
        assert struct.unpack("!I", packet[52:56])[0] == len(packet) - 28


def summaries():
    """failures and late ones are counted, and medians are of those that came about"""
    before = {"received": 10, "transmitted": 5, "polls": 100, "empty_polls": 90}
    after = {"received": 4_000_010, "transmitted": 2_000_005, "polls": 200, "empty_polls": 95}
    row = fairness.summary("esp", [0.001, None, 1.5, 0.003], before, after, 2.0)
    assert (row["setups"], row["failed"], row["late"]) == (4, 1, 1), row
    assert row["median_ms"] == 3.0 and row["most_ms"] == 1500.0, row
    assert row["mpps_received"] == 2.0 and row["mpps_transmitted"] == 1.0 and row["empty_polls"] == 0.05, row
    try:
        fairness.summary("esp", [None], before, after, 2.0)
    except BenchError:
        return
    raise AssertionError("a row of nothing")


run_checks("bench/fairness", [loads, summaries])
