# SPDX-License-Identifier: BSD-3-Clause
"""One point of a benchmark: the programs on the same files, in turns."""
import contextlib
import pathlib
import shutil
import tempfile

from tests.bench.lab import frames, programs
from tests.bench.lab.measure import Cipher, cpus, in_turns, median_and_spread
from tests.bench.lab.report import result


@contextlib.contextmanager
def workplace():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def cipher_of(setup):
    """bench_cipher on the same octets; none for traffic that goes both ways."""
    if setup.direction == "both":
        return []
    octets = round(frames.mean_octets(setup.size))
    return [Cipher(setup.build / "tests/bench/bench_cipher", setup.suite,
                   "seal" if setup.direction == "out" else "open", octets, cpus()[1])]


def measure(case, options, suite="aes128gcm16", sas=1, direction="out", size=64, replay_window=0):
    """@return the rows of this point, a program each"""
    with workplace() as directory:
        setup = programs.Setup(directory, options.build, suite, sas, direction, size, replay_window)
        running = cipher_of(setup)
        try:
            running.append(programs.penstockd(setup).wait())
            for program in programs.sources_and_sinks(setup):
                running.append(program)
                program.wait()
            if options.ipsec_secgw and programs.secgw_can(setup):
                running.append(programs.ipsec_secgw(setup, options.ipsec_secgw, options.secgw_mode).wait())
            figures = {name: median_and_spread(values)
                       for name, values in in_turns(running, options.repeats).items()}
        finally:
            for program in running:
                program.stop()
        return [result(case, setup, program.name, figures, options.tsc_hz, options.flavour,
                       cpus()[1]) | {"repeats": options.repeats}
                for program in running if program.name == "penstock" or "secgw" in program.name]
