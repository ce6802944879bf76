# SPDX-License-Identifier: BSD-3-Clause
"""What a benchmark found: a line of a table as each point is done, and the JSON of all."""
import json
import os
import pathlib
import platform
import subprocess

from tests.bench.lab import frames


def first_line(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().split("\n")[0]


def machine():
    rows = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((row.split(":")[1].strip() for row in rows if row.startswith("model name")), "?")
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "hugepages_2m": int(pathlib.Path("/proc/sys/vm/nr_hugepages").read_text())}


def versions(build):
    def package(name):
        return first_line("dpkg-query", "-W", "-f", "${Version}", name)

    found = {name: package(name) for name in ("libdpdk-dev", "libipsec-mb-dev", "libssl3")}
    found["penstock"] = first_line(str(build / "app/penstockd"), "--version")
    return found


class Report:
    """Tables of several cases, and the JSON of all."""

    def __init__(self, build, flavour, command):
        self.head = {"machine": machine(), "versions": versions(build), "command": command}
        self.flavour, self.results = flavour, []
        self.columns, self.widths = (), []

    def begin(self, columns, note):
        """columns: (key of a result, heading, format)."""
        self.columns = columns
        self.widths = [max(len(heading), 7) for _, heading, _ in columns]
        print(f"{self.head['machine']['cpu']}, {self.flavour} build. {note}")
        print("  ".join(heading.rjust(width) for (_, heading, _), width
                        in zip(self.columns, self.widths)), flush=True)

    def add(self, result):
        self.results.append(result)
        cells = []
        for (key, _, form), width in zip(self.columns, self.widths):
            value = result.get(key)
            cells.append(("-" if value is None else format(value, form)).rjust(width))
        print("  ".join(cells), flush=True)

    def write(self, path):
        path.write_text(json.dumps({**self.head, "results": self.results}, indent=1) + "\n")


def result(case, setup, program, figures, tsc_hz, flavour, cpu):
    """A row as docs/benchmarks describes it. figures: name -> (median ns, spread)."""
    def cycles(name):
        return figures[name][0] * tsc_hz / 1e9 if name in figures else None

    nanoseconds, spread = figures[program]
    io_names = [name for name in figures if name.startswith("io")]
    row = {
        "case": case, "program": program, "engine": "ipsec-mb", "build": flavour, "cpu": cpu,
        "direction": setup.direction, "algorithm": setup.suite, "packet_bytes": setup.size,
        "sas": len(setup.sas), "policies": len(setup.sas), "workers": 1,
        "replay_window": setup.replay_window, "spread": round(spread, 4),
        "mpps": round(1e3 / nanoseconds, 4),
        "inner_gbps": round(8 * frames.mean_octets(setup.size) / nanoseconds, 3),
        "cycles_per_packet": round(cycles(program), 1),
        "io_cycles": round(sum(map(cycles, io_names)) / len(io_names), 1),
        "cipher_cycles": round(cycles("cipher"), 1) if "cipher" in figures else None}
    if row["cipher_cycles"] is not None:
        row["beyond"] = round(row["cycles_per_packet"] - row["io_cycles"] - row["cipher_cycles"], 1)
        row["ratio_to_cipher"] = round(row["cycles_per_packet"] / row["cipher_cycles"], 3)
    return row
