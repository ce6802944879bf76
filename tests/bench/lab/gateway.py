# SPDX-License-Identifier: BSD-3-Clause
"""bench_gateway: a gateway with source and sink in its own process, which answers questions; and the
cases that ask it, workers and latency."""
import json
import os
import signal
import statistics
import subprocess

from tests.bench.lab.measure import BenchError, Cipher, cpus, median_and_spread

PROGRAM = "tests/bench/bench_gateway"
ALGORITHM = "aes128gcm16"
WINDOW_S = 0.25
LEAST_PAIRS = 15
CHECKED_PACKETS = 20_000  # a worker
DEFAULT_WINDOW = 64       # of a child SA's configuration


class Gateway:
    """Stopped but while it answers, so that others can be asked in turns."""

    def __init__(self, build, name, worker_cpus, direction, octets, sas=1, arrival="steered",
                 idle="sleep", window=0):
        words = [build / PROGRAM, f"bench{os.getpid()}{name}", cpus()[0],
                 ",".join(map(str, worker_cpus)), direction, octets, sas, arrival, idle, window]
        self.name = name
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.tsc_hz = self._answer()["tsc_hz"]
        self.process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.name}: {self.process.stderr.read()[-1000:]}")
        return json.loads(line)

    def ask(self, *words):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.process.send_signal(signal.SIGSTOP)
        if "error" in answer:
            raise BenchError(f"{self.name}: {answer['error']}")
        return answer


def cipher_cycles(options, direction, octets):
    cipher = Cipher(options.build / "tests/bench/bench_cipher", ALGORITHM,
                    "seal" if direction == "out" else "open", octets, cpus()[1])
    return statistics.median(cipher.nanoseconds() for _ in range(5)) * options.tsc_hz / 1e9


def common(case, options, direction, octets):
    return {"case": case, "program": "penstock", "engine": "ipsec-mb", "build": options.flavour,
            "direction": direction, "algorithm": ALGORITHM, "packet_bytes": octets}


# ---- workers ----

WORKER_COLUMNS = (
    ("direction", "way", "s"), ("packet_bytes", "octets", "d"), ("sas", "SAs", "d"),
    ("arrival", "arrival", "s"), ("workers", "workers", "d"), ("cycles_one", "one", ".0f"),
    ("cycles_per_packet", "cycles", ".0f"), ("io_cycles", "io", ".0f"),
    ("cipher_cycles", "cipher", ".0f"), ("mpps", "Mpps", ".2f"), ("speedup", "speed-up", ".2f"),
    ("spread", "spread", ".1%"), ("out_of_order", "disorder", "d"), ("duplicates", "doubles", "d"),
    ("gaps", "gaps", "d"), ("most_behind", "behind", "d"), ("replay_drops", "replays", "d"))
WORKER_NOTE = ("Cycles are of the time-stamp counter, a packet: of one worker alone, and of all of them "
               "together. Medians of alternating pairs.")
# direction, octets, SAs, arrival
WORKER_POINTS = (
    ("out", 64, 1000, "steered"), ("out", 1420, 1000, "steered"), ("out", 64, 1, "steered"),
    ("out", 1420, 1, "steered"), ("in", 64, 1000, "steered"), ("in", 1420, 1000, "steered"),
    ("in", 64, 1, "steered"), ("in", 64, 1, "spread"), ("in", 1420, 1, "spread"))


def worker_cpus(count):
    """The last CPU first: the control loop sleeps on the first."""
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    return [allowed[i % len(allowed)] for i in range(count)]


def speed(pairs, tsc_hz, workers):
    """pairs: [(packets a second of one worker, of all)]. The ratio is taken in each pair, so that what
    changes slowly on the machine does not count."""
    ratio, spread = median_and_spread([many / one for one, many in pairs])
    many = statistics.median(many for _, many in pairs)
    return {"speedup": round(ratio, 3), "spread": round(spread, 4),
            "cycles_one": round(tsc_hz / statistics.median(one for one, _ in pairs), 1),
            "cycles_per_packet": round(workers * tsc_hz / many, 1), "mpps": round(many / 1e6, 3)}


def verdict(checked, direction):
    """What the judge found, as members of a result. Out: what a receiver with the default window would
    drop; in: what ours did."""
    if not checked["drained"]:
        raise BenchError("packets stayed in the gateway")
    if checked["unreadable"]:
        raise BenchError(f"{checked['unreadable']} packets could not be opened")
    lost = checked["given"] - checked["left"]
    if direction == "out" and lost:
        raise BenchError(f"{lost} packets were lost")
    kept = {name: checked[name] for name in ("out_of_order", "duplicates", "gaps", "most_behind", "handed_over")}
    return {**kept, "checked_packets": checked["given"],
            "replay_drops": checked[f"late_{DEFAULT_WINDOW}"] if direction == "out" else lost}


def worker_point(options, direction, octets, sas, arrival):
    many = options.workers
    how = {"direction": direction, "octets": octets, "sas": sas, "arrival": arrival}
    pairs = max(LEAST_PAIRS, options.repeats)
    with Gateway(options.build, "one", worker_cpus(1), **how) as one, \
            Gateway(options.build, "many", worker_cpus(many), **how) as all_of_them:
        measured, lost = [], 0
        for _ in range(pairs):
            turn = [gateway.ask("run", WINDOW_S) for gateway in (one, all_of_them)]
            measured.append(tuple(answer["rate"] for answer in turn))
            lost += sum(answer["dropped"] for answer in turn)
        io_rate = statistics.median(one.ask("io", WINDOW_S)["rate"] for _ in range(5))
    if lost:
        raise BenchError(f"{how}: {lost} packets were dropped while it was measured")
    with Gateway(options.build, "checked", worker_cpus(many), window=DEFAULT_WINDOW, **how) as gateway:
        checked = gateway.ask("check", CHECKED_PACKETS)
    return {**common("workers", options, direction, octets), "sas": sas, "policies": sas,
            "arrival": arrival, "workers": many, "replay_window": 0, "repeats": pairs,
            **speed(measured, options.tsc_hz, many), "io_cycles": round(options.tsc_hz / io_rate, 1),
            "cipher_cycles": round(cipher_cycles(options, direction, octets), 1),
            **verdict(checked, direction)}


def each(points, function, options):
    for point in points:
        try:
            yield function(options, *point)
        except BenchError as error:
            yield BenchError(f"{point}: {error}")


def worker_rows(options):
    yield from each(WORKER_POINTS, worker_point, options)


# ---- latency ----

LATENCY_COLUMNS = (
    ("direction", "way", "s"), ("packet_bytes", "octets", "d"), ("load", "load", "s"),
    ("mpps", "Mpps", ".2f"), ("p50_us", "half", ".2f"), ("p99_us", "99 %", ".2f"),
    ("p999_us", "99.9 %", ".2f"), ("noise_p999_us", "machine", ".2f"), ("lost", "lost", "d"),
    ("gaps", "gaps", "d"), ("cycles_per_packet", "cycles", ".0f"), ("io_cycles", "io", ".0f"),
    ("cipher_cycles", "cipher", ".0f"))
LATENCY_NOTE = ("Microseconds from the moment a packet is due until it is transmitted, one worker that "
                "polls; machine: the 99.9th percentile of source and sink alone.")
LATENCY_POINTS = (("out", 64), ("out", 1420), ("in", 64), ("in", 1420))
DESCRIPTORS = 1024
LOAD = 0.8              # of the loss-free one
STEP = 0.97             # between two loads that are tried
TRIES = 40
LATENCY_WINDOW_S = 0.15
DELAYS = ("p50_us", "p99_us", "p999_us", "noise_p999_us")


def loss_free(ask, rate):
    """The highest rate, a step below the other, at which nothing is lost twice."""
    for _ in range(TRIES):
        if all(ask(rate)["lost"] == 0 for _ in range(2)):
            return rate
        rate *= STEP
    raise BenchError(f"packets are lost at {rate:.0f} a second still")


def delays(answers, noise):
    """Medians over the windows; what was lost and how often others had the CPU is added up."""
    if not all(answer["packets"] for answer in answers):
        raise BenchError("no packet left")
    found = {name: statistics.median(answer[name] for answer in answers) for name in DELAYS[:3]}
    found["noise_p999_us"] = statistics.median(answer["p999_us"] for answer in noise)
    return {**{name: round(value, 3) for name, value in found.items()},
            "lost": sum(answer["lost"] for answer in answers),
            "gaps": sum(answer["gaps"] for answer in answers)}


def latency_point(options, direction, octets):
    windows = max(LEAST_PAIRS, options.repeats)
    rows = []
    with Gateway(options.build, "latency", worker_cpus(1), direction, octets, idle="poll") as gateway:
        def at(rate):
            return gateway.ask("pace", round(rate), LATENCY_WINDOW_S, DESCRIPTORS)

        most = statistics.median(gateway.ask("run", WINDOW_S)["rate"] for _ in range(5))
        highest = loss_free(at, most)
        io_rate = statistics.median(gateway.ask("io", WINDOW_S)["rate"] for _ in range(5))
        for load, rate in (("80 %", LOAD * highest), ("lone", 1e4)):
            asked = [gateway.ask("lone", LATENCY_WINDOW_S) if load == "lone" else at(rate)
                     for _ in range(windows)]
            noise = [gateway.ask("noise", round(rate), LATENCY_WINDOW_S) for _ in range(windows)]
            rows.append({**common("latency", options, direction, octets), "sas": 1, "policies": 1,
                         "workers": 1, "replay_window": 0, "load": load, "repeats": windows,
                         "mpps": round(rate / 1e6, 4), "loss_free_mpps": round(highest / 1e6, 3),
                         "descriptors": DESCRIPTORS, **delays(asked, noise),
                         "cycles_per_packet": round(options.tsc_hz / most, 1),
                         "io_cycles": round(options.tsc_hz / io_rate, 1)})
    cipher = round(cipher_cycles(options, direction, octets), 1)
    return [{**row, "cipher_cycles": cipher} for row in rows]


def latency_rows(options):
    for found in each(LATENCY_POINTS, latency_point, options):
        yield from [found] if isinstance(found, BenchError) else found
