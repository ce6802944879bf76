# SPDX-License-Identifier: BSD-3-Clause
"""Instructions a packet and a tunnel: bench_instructions and bench_ike under callgrind, what its profiles say,
and the history that a change is judged by. Libraries of cryptography are told apart: what they execute
depends on the CPU (callgrind itself shows a fixed one), what we execute does not."""
import collections
import csv
import datetime
import json
import pathlib
import re
import subprocess
import tempfile

from tests.bench.lab.measure import BenchError

ROOT = pathlib.Path(__file__).resolve().parents[3]
HISTORY = ROOT / "docs/benchmarks/instructions.csv"
PROGRAM, IKE_PROGRAM = "tests/bench/bench_instructions", "tests/bench/ike/bench_ike"
MEASURED = "penstock_measured_round"
# Called for a few tunnels that warm up, and then for those that count.
IKE_MEASURED = "penstock::bench::IkePair::bring_up(unsigned long, unsigned long)"
IKE_METHODS, IKE_TUNNELS = ("psk-x25519", "ecdsa256-x25519"), 64
MOST_GROWTH = 0.02  # beyond the last row of the history
CIPHER_LIBRARIES = ("libIPSec_MB", "libcrypto")
FIXED = ("date", "key", "note")
IKE = "ike_"  # begins the points that are tunnels
COLUMNS = (("algorithm", "algorithm", "s"), ("direction", "way", "s"), ("packet_bytes", "octets", "d"),
           ("stage", "stage", ">17s"), ("instructions", "instructions", ".1f"),
           ("cipher_instructions", "cipher", ".1f"), ("recorded", "recorded", ".1f"))
ALGORITHMS = {"gcm": "aes128gcm16", "cbc": "aes128-sha256"}
LEAST_OF_A_STAGE = 1  # instructions a packet: below it a stage is not worth a line
# Their callees are the stages of the path.
PIPELINE = re.compile(r"penstock::(dataplane::(\(anonymous namespace\)::)?run_\w+|pipeline::Gateway::step)\(")
STAGE = re.compile(r"penstock::dataplane::(?:\w+::)*(\w+)\(")


class Profile:
    """What callgrind saw in one measured burst: own[object] and calls[caller, callee], inclusive."""

    def __init__(self, text):
        self.own, self.calls = collections.Counter(), collections.Counter()
        names = {"ob": {}, "fn": {}}
        now = {"ob": "", "cob": "", "fn": "", "cfn": ""}
        inclusive = False
        for line in text.splitlines():
            named = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)
            if named:
                callee, kind, number, name = named.groups()
                if name:
                    names[kind][number] = name
                now[callee + kind] = names[kind][number]
            elif line.startswith("calls="):
                inclusive = True  # the next line's cost is that of the call
            elif re.match(r"[\d+*-]\S* \d+$", line):
                cost = int(line.split()[-1])
                if inclusive:
                    self.calls[now["fn"], now["cfn"]] += cost
                    inclusive = False
                else:
                    self.own[now["ob"]] += cost

    def total(self, ciphers):
        return sum(cost for name, cost in self.own.items()
                   if name.rpartition("/")[2].startswith(CIPHER_LIBRARIES) == ciphers)

    def stages(self):
        """{stage: instructions}, with whatever it calls; stages called twice are added."""
        found = collections.Counter()
        for (caller, callee), cost in self.calls.items():
            stage = STAGE.match(callee)
            if PIPELINE.match(caller) and stage and not stage[1].startswith("run_"):
                found[stage[1]] += cost
        return found


def build_flags(build):
    """What the figures depend on beside the compiler; BenchError where they mean nothing."""
    options = {row["name"]: row["value"] for row in
               json.loads((build / "meson-info/intro-buildoptions.json").read_text())}
    if options.get("b_sanitize", "none") != "none":
        raise BenchError(f"{build.name} has sanitizers: their instructions are not the gateway's")
    return f"O{options['optimization']}" + ("-native" if options.get("native") else "")


def callgrind(directory, function, words):
    """@return (what the program printed, [a Profile for each call of the function])"""
    out = pathlib.Path(directory) / "profile"
    words = ["valgrind", "-q", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={function}",
             f"--dump-after={function}", f"--callgrind-out-file={out}", *map(str, words)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(words)}: {done.stderr[-2000:]}")
    profiles = []
    while (dump := pathlib.Path(f"{out}.{len(profiles) + 1}")).exists():
        profiles.append(Profile(dump.read_text()))
    return done.stdout, profiles


def count(build):
    """@return (key, {point: (packets or tunnels, Profile)}); the key names all that figures depend on."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        printed, profiles = callgrind(directory, MEASURED, [build / PROGRAM])
    key, *points = printed.splitlines()
    counted = {}
    for point, profile in zip(points, profiles, strict=True):
        name, packets = point.split()
        counted[name] = int(packets), profile
    for method in IKE_METHODS:
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
            words = [build / IKE_PROGRAM, "--tunnels", IKE_TUNNELS, "--flight", 1, method]
            _, (_, profile) = callgrind(directory, IKE_MEASURED, words)
        counted[IKE + method] = IKE_TUNNELS, profile
    return f"{key} {build_flags(build)}", counted


def figures(profiles):
    """{point: instructions a packet or tunnel without libraries of cryptography}"""
    return {name: round(profile.total(ciphers=False) / packets, 1)
            for name, (packets, profile) in profiles.items()}


def history(path=HISTORY):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def last_row(rows, key):
    """{point: instructions} of the newest row of that key, or None."""
    mine = [row for row in rows if row["key"] == key]
    return {name: float(value) for name, value in mine[-1].items()
            if name not in FIXED and value} if mine else None


def record(key, found, note, path=HISTORY, day=None):
    """A new row; points that are new become new columns."""
    rows = history(path)
    columns = [name for name in (rows[0] if rows else {}) if name not in FIXED]
    columns += [name for name in found if name not in columns]
    rows.append({"date": day or datetime.date.today().isoformat(), "key": key, "note": note, **found})
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*FIXED, *columns], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def judge(found, before):
    """[(point, whether it holds, a sentence)]"""
    verdicts = []
    for name, now in found.items():
        each = "tunnel" if name.startswith(IKE) else "packet"
        if name not in before:
            verdicts.append((name, True, f"{now:.1f} instructions a {each}, recorded nowhere"))
            continue
        growth = now / before[name] - 1
        sentence = f"{now:.1f} instructions a {each}, {before[name]:.1f} recorded ({growth:+.2%})"
        verdicts.append((name, now <= before[name] * (1 + MOST_GROWTH), sentence))
    verdicts += [(name, False, "recorded, but not counted any more") for name in before
                 if name not in found]
    return verdicts


def rows(options):
    """Of scripts/bench: a line a point, and below it where on the path they were spent. The cipher's
    library is within the crypto stages there. Of a tunnel both ends are counted together."""
    key, profiles = count(options.build)
    found = figures(profiles)
    before = last_row(history(), key) or {}
    for name, (packets, profile) in profiles.items():
        if name.startswith(IKE):
            where = {"algorithm": name.removeprefix(IKE), "direction": "ike", "packet_bytes": None}
        else:
            suite, direction, octets = name.split("_")
            where = {"algorithm": ALGORITHMS[suite], "direction": direction, "packet_bytes": int(octets)}
        where = {"case": "instructions", **where, "key": key}
        yield {**where, "stage": "all", "instructions": found[name],
               "cipher_instructions": round(profile.total(ciphers=True) / packets, 1),
               "recorded": before.get(name)}
        for stage, cost in profile.stages().most_common():
            if cost >= LEAST_OF_A_STAGE * packets:
                yield {**where, "stage": stage, "instructions": round(cost / packets, 1)}
    if options.record:
        record(key, found, options.record)
