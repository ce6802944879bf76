# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks behind scripts/bench."""
import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# pylint: disable=wrong-import-position
from tests.bench.lab import charts  # noqa: E402
from tests.bench.lab.cases import CASES  # noqa: E402
from tests.bench.lab.measure import BenchError, Cipher, cpus  # noqa: E402
from tests.bench.lab.report import Report  # noqa: E402

ALWAYS_BUILT = ("app/penstockd", "tests/bench/bench_cipher")  # a version, and the clock


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; by default dataplane")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all results there")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="turns of each point; 7")
    parser.add_argument("--ipsec-secgw", type=pathlib.Path, metavar="PROGRAM",
                        help="DPDK's ipsec-secgw, measured in turns on the same files")
    parser.add_argument("--secgw-mode", choices=("cpu-crypto", "lookaside"), default="cpu-crypto")
    parser.add_argument("--native", action="store_true", help="measure the build tuned for this machine")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="workers: so many against one; by default one for each CPU")
    parser.add_argument("--record", metavar="WHY", help="instructions: a new row of the history, for this reason")
    parser.add_argument("--plot", type=pathlib.Path, nargs="+", metavar="FILE",
                        help="measure nothing: make measured.md and its charts from such JSON, in --into")
    parser.add_argument("--into", type=pathlib.Path, default=ROOT / "docs/benchmarks", metavar="DIRECTORY",
                        help="by default docs/benchmarks")
    parser.add_argument("--targets", action="store_true", help="only print what these cases want built")
    chosen = parser.parse_args()
    for case in chosen.cases:
        if case not in CASES:
            parser.error(f'no case "{case}"')
    chosen.cases = chosen.cases or ["dataplane"]
    chosen.flavour = "native" if chosen.native else "portable"
    chosen.build = ROOT / ("build-native" if chosen.native else "build")
    return chosen


def main():
    options = arguments()
    if options.plot:
        charts.write(options.plot, options.into, CASES)
        return
    if options.targets:
        print(*dict.fromkeys([*ALWAYS_BUILT, *(t for case in options.cases for t in CASES[case].targets)]))
        return
    clock = Cipher(options.build / "tests/bench/bench_cipher", "aes128gcm16", "seal", 64, cpus()[1])
    clock.nanoseconds()
    options.tsc_hz = clock.tsc_hz
    report = Report(options.build, options.flavour, ["scripts/bench", *sys.argv[1:]])
    failed = 0
    for name in options.cases:
        case = CASES[name]
        report.begin(case.columns, case.note)
        for row in case.rows(options):
            if isinstance(row, BenchError):
                failed += 1
                print(row, file=sys.stderr)
            else:
                report.add(row)
    if options.json:
        report.write(options.json)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
