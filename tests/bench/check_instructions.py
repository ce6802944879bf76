#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The gate: no packet may cost more instructions than the history says, beyond a limit. The suite
"instructions" of scripts/test runs it on the build folder."""
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from report import Report  # noqa: E402
from tests.bench.lab import instructions  # noqa: E402
from tests.bench.lab.measure import BenchError  # noqa: E402

RECORD = 'scripts/bench instructions --record "why"'


def main():
    report = Report("instructions")
    if shutil.which("valgrind") is None:
        report.skip("", "valgrind is not installed")
        report.exit()
    try:
        key, profiles = instructions.count(ROOT / "build")
    except BenchError as error:
        report.fail("", error)
        report.exit()
    found = instructions.figures(profiles)
    before = instructions.last_row(instructions.history(), key)
    if before is None:
        report.passed("", f"COUNTED, NOT JUDGED. Nothing is recorded of {key}; to do so, {RECORD}")
        before = {}
    for name, holds, sentence in instructions.judge(found, before):
        if holds:
            report.passed(name, sentence)
        else:
            report.fail(name, f"{sentence}; more than {instructions.MOST_GROWTH:.0%} wants a reason and {RECORD}")
    report.exit()


main()
