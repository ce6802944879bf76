#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the cases workers and latency make of the answers of bench_gateway."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from report import run_checks  # noqa: E402
from tests.bench.lab import gateway  # noqa: E402
from tests.bench.lab.measure import BenchError  # noqa: E402

CHECKED = {"given": 40, "left": 40, "dropped": 0, "handed_over": 0, "drained": True, "unreadable": 0,
           "out_of_order": 1, "duplicates": 2, "gaps": 3, "most_behind": 70, "late_64": 4, "late_256": 0,
           "late_1024": 0}


def raises(function, *words):
    try:
        function(*words)
    except BenchError:
        return True
    return False


def speeds():
    """the speed-up is the median of the pairs' ratios; cycles are those of all workers together"""
    found = gateway.speed([(10e6, 19e6), (20e6, 36e6), (5e6, 10e6)], 2.6e9, 2)
    assert found["speedup"] == 1.9, found
    assert found["cycles_one"] == 260 and found["mpps"] == 19, found
    assert found["cycles_per_packet"] == round(2 * 2.6e9 / 19e6, 1), found


def verdicts():
    """replays are what a receiver drops: the peer's window on the way out, ours on the way in"""
    assert gateway.verdict(CHECKED, "out")["replay_drops"] == 4
    assert gateway.verdict({**CHECKED, "left": 33}, "in")["replay_drops"] == 7
    assert gateway.verdict(CHECKED, "out")["duplicates"] == 2


def untrue():
    """no figure for packets that were lost on the way out, stayed, or could not be opened"""
    assert raises(gateway.verdict, {**CHECKED, "left": 39}, "out")
    assert raises(gateway.verdict, {**CHECKED, "drained": False}, "out")
    assert raises(gateway.verdict, {**CHECKED, "unreadable": 1}, "in")


def loads():
    """the loss-free load is the highest that loses nothing twice; none is an error"""
    tried = []

    def ask(rate):
        tried.append(rate)
        return {"lost": 1 if rate > 90 or (rate > 80 and len(tried) % 3 == 0) else 0}

    found = gateway.loss_free(ask, 100)
    assert tried[-1] == tried[-2] == found <= 90, tried
    assert raises(gateway.loss_free, lambda rate: {"lost": 1}, 100)


def medians():
    """delays are medians of windows, losses a sum; a window without a packet is an error"""
    one = {"packets": 9, "p50_us": 1.0, "p99_us": 2.0, "p999_us": 3.0, "lost": 1, "gaps": 2}
    found = gateway.delays([one, {**one, "p999_us": 900.0}, one], [{**one, "p999_us": 0.5}])
    assert found == {"p50_us": 1.0, "p99_us": 2.0, "p999_us": 3.0, "noise_p999_us": 0.5, "lost": 3, "gaps": 6}, found
    assert raises(gateway.delays, [{"packets": 0}], [one])


def cpus():
    """workers go round the CPUs, the last first"""
    first = gateway.worker_cpus(1)
    many = gateway.worker_cpus(5)
    assert many[:1] == first and len(many) == 5 and set(many) <= set(gateway.os.sched_getaffinity(0))


run_checks("bench/gateway", [speeds, verdicts, untrue, loads, medians, cpus])
