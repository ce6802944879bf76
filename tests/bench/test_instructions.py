#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The gate of instructions: what it reads out of callgrind, what it lets through, what it records."""
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from report import run_checks  # noqa: E402
from tests.bench.lab import instructions  # noqa: E402

# As the manual of callgrind tells its format: names are given once, costs behind calls= are the callee's.
PROFILE = """\
# callgrind format
version: 1
events: Ir
summary: 1100

ob=(1) /build/tests/bench/bench_instructions
fl=(1) ???
fn=(1) penstock::pipeline::Gateway::step()
10 7
+2 3
cfn=(2) penstock::dataplane::run_pipeline(penstock::dataplane::WorkerContext&)
calls=1 0
* 1090
fn=(2)
20 40
cfn=(3) penstock::dataplane::crypto_outbound(penstock::dataplane::WorkerContext&)
calls=1 30
-4 850
cfn=(3)
calls=1 30
* 200
fn=(3)
30 50
cob=(2) /usr/lib/libIPSec_MB.so.1.3.0
cfn=(4) 0x0000000000001234
calls=2 0
* 1000
ob=(2)
fn=(4)
0 1000
"""


def profiles():
    """costs are added by object, and by stage with what a stage calls"""
    profile = instructions.Profile(PROFILE)
    assert profile.total(ciphers=False) == 100, profile.own
    assert profile.total(ciphers=True) == 1000, profile.own
    assert dict(profile.stages()) == {"crypto_outbound": 1050}, profile.calls
    assert instructions.figures({"p": (32, profile)}) == {"p": 3.1}


def judgement():
    """growth beyond the limit fails, and so does a point that is not counted any more"""
    before = {"a": 1000.0, "b": 1000.0, "c": 1000.0, "gone": 1.0}
    at_the_limit = 1000 * (1 + instructions.MOST_GROWTH)
    found = {"a": at_the_limit, "b": at_the_limit + 1, "c": 500.0, "new": 5.0}
    holds = {name: well for name, well, _ in instructions.judge(found, before)}
    assert holds == {"a": True, "b": False, "c": True, "new": True, "gone": False}, holds


def recorded():
    """the newest row of the same key is the measure; new points become columns"""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "history.csv"
        assert instructions.last_row(instructions.history(path), "gcc") is None
        instructions.record("gcc", {"a": 10.0}, "first", path, "2026-01-01")
        instructions.record("clang", {"a": 99.0}, "another compiler", path, "2026-01-02")
        instructions.record("gcc", {"a": 9.5, "b": 3.0}, 'why, with a comma', path, "2026-01-03")
        rows = instructions.history(path)
        assert instructions.last_row(rows, "gcc") == {"a": 9.5, "b": 3.0}, rows
        assert instructions.last_row(rows, "clang") == {"a": 99.0}, rows
        assert instructions.last_row(rows, "icc") is None
        assert [row["note"] for row in rows] == ["first", "another compiler", "why, with a comma"]


def the_history_itself():
    """every row of the history has a date, a key, a reason and figures"""
    rows = instructions.history()
    assert rows
    for row in rows:
        assert all(row[name] for name in instructions.FIXED), row
        assert instructions.last_row([row], row["key"]), row


run_checks("bench/instructions", [profiles, judgement, recorded, the_history_itself])
