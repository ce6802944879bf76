# SPDX-License-Identifier: BSD-3-Clause
"""The cases of scripts/bench: a title, columns, what they need built, and their rows. Those of points
yield the arguments of point.measure."""
import dataclasses
from typing import Callable

from tests.bench.lab import fairness, gateway, ike, instructions, point
from tests.bench.lab.measure import BenchError

SIZES = (64, 128, 256, 512, 1024, 1420, "imix")
SUITES = ("aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha256", "aes256-sha256")


def dataplane():
    """One SA pair: every size both ways, and the other algorithms at three sizes."""
    for direction in ("out", "in", "both"):
        for size in SIZES:
            yield {"direction": direction, "size": size}
    for suite in SUITES[1:]:
        for direction in ("out", "in"):
            for size in (64, 512, 1420):
                yield {"suite": suite, "direction": direction, "size": size}


def quick():
    """The points that tell whether a change was worth it."""
    for direction in ("out", "in"):
        for size in (64, 512, 1420):
            yield {"direction": direction, "size": size}


def scale():
    """More SAs in random order, each with a policy of its own."""
    for count in (1, 1000, 10_000, 100_000):
        for direction in ("out", "in"):
            for size in (64, 1420):
                yield {"sas": count, "direction": direction, "size": size}


CYCLES = "Cycles are of the time-stamp counter, a packet, median of the turns."
POINT_COLUMNS = (
    ("program", "program", "s"), ("algorithm", "algorithm", "s"), ("direction", "way", "s"),
    ("packet_bytes", "octets", ""), ("sas", "SAs", "d"), ("cycles_per_packet", "cycles", ".0f"),
    ("io_cycles", "io", ".0f"), ("cipher_cycles", "cipher", ".0f"), ("beyond", "beyond", ".0f"),
    ("spread", "spread", ".1%"), ("mpps", "Mpps", ".2f"), ("inner_gbps", "Gbit/s", ".1f"))


@dataclasses.dataclass
class Case:
    """rows(options) yields results, and a BenchError for each that could not be had."""
    note: str
    columns: tuple
    targets: tuple
    rows: Callable


def of_points(name, points):
    def rows(options):
        for where in points():
            try:
                yield from point.measure(name, options, **where)
            except BenchError as error:
                yield BenchError(f"{where}: {error}")

    return Case(CYCLES, POINT_COLUMNS, ("app/penstockd", "tests/bench/bench_io"), rows)


CASES = {name: of_points(name, points) for name, points in
         (("quick", quick), ("dataplane", dataplane), ("scale", scale))}
CASES["instructions"] = Case(
    "Instructions a packet of a burst of 32, or a tunnel (ike, both ends); libraries of cryptography apart.",
    instructions.COLUMNS, (instructions.PROGRAM, instructions.IKE_PROGRAM), instructions.rows)
CASES["ike"] = Case(ike.NOTE, ike.COLUMNS, (ike.PROGRAM,), ike.rows)
CASES["workers"] = Case(gateway.WORKER_NOTE, gateway.WORKER_COLUMNS, (gateway.PROGRAM,), gateway.worker_rows)
CASES["latency"] = Case(gateway.LATENCY_NOTE, gateway.LATENCY_COLUMNS, (gateway.PROGRAM,), gateway.latency_rows)
CASES["fairness"] = Case(fairness.NOTE, fairness.COLUMNS, (), fairness.rows)
