# SPDX-License-Identifier: BSD-3-Clause
"""What a packet costs: CPU time of the thread that polls, over the packets that DPDK counted out of
its port. CPU time and not wall time, so that others on the machine count as little as they can; and
programs that are compared run one after the other in turns, each stopped while another runs."""
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import time

SETTLE_S = 0.1
WINDOW_S = 0.4
MOST_LOST = 0.02  # in all turns together: the counters of two ports are not read at once


class BenchError(Exception):
    """A benchmark cannot be made or is not true; the text says why."""


class Program:
    """A process on DPDK that carries packets from a source port to a sink port."""

    def __init__(self, name, words, prefix, log, source, sink, both, worker=None):
        """worker: what the name of the polling thread begins with; none: the main thread.
        both: both ports are source and sink."""
        self.name, self.log, self.worker = name, pathlib.Path(log), worker
        self.sources = (source, sink) if both else (source,)
        self.sinks = (source, sink) if both else (sink,)
        self.taken = self.sent = 0
        self.telemetry = pathlib.Path(f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2")
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen([str(w) for w in words], stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL)

    def _fail(self, what):
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise BenchError(f"{self.name}: {what}\n{tail}")

    def ask(self, command):
        """DPDK's telemetry: one connection a question."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(10)
            client.connect(str(self.telemetry))
            client.recv(16384)
            client.send(command.encode())
            return json.loads(client.recv(16384))[command.split(",")[0]]

    def carried(self):
        """Packets in at the sources, and out at the sinks, as of one moment: the middle."""
        def taken():
            return sum(self.ask(f"/ethdev/stats,{port}")["ipackets"] for port in self.sources)

        before = taken()
        sent = sum(self.ask(f"/ethdev/stats,{port}")["opackets"] for port in self.sinks)
        return (before + taken()) / 2, sent

    def wait(self, timeout_s=120):
        """Until packets flow; then it is stopped."""
        end = time.monotonic() + timeout_s
        while True:
            if self.process.poll() is not None:
                self._fail(f"ended with {self.process.returncode}")
            try:
                if self.carried()[1] > 0:
                    break
            except (OSError, ValueError, KeyError, TypeError):  # it is still starting
                pass
            if time.monotonic() > end:
                self._fail(f"no packet left it within {timeout_s} s")
            time.sleep(0.1)
        time.sleep(3 * SETTLE_S)
        self.pause()
        return self

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def thread(self):
        if self.worker is None:
            return self.process.pid
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith(self.worker):
                return int(task.name)
        return self._fail(f"has no thread {self.worker}…")

    def nanoseconds(self):
        """CPU time a packet, over the time between two looks."""
        spent_at = pathlib.Path(f"/proc/{self.process.pid}/task/{self.thread()}/schedstat")

        def look():
            spent = int(spent_at.read_text().split()[0])
            carried = self.carried()
            return (spent + int(spent_at.read_text().split()[0])) / 2, *carried

        self.resume()
        time.sleep(SETTLE_S)
        before = look()
        time.sleep(WINDOW_S)
        after = look()
        self.pause()
        spent, taken, sent = (b - a for a, b in zip(before, after))
        self.taken += taken
        self.sent += sent
        if sent == 0:
            self._fail(f"took {taken:.0f} packets and sent none")
        return spent / sent

    def check(self):
        """BenchError if packets were lost: what is lost is cheaper than what is carried."""
        if abs(self.taken - self.sent) > MOST_LOST * self.taken:
            self._fail(f"took {self.taken:.0f} packets and sent {self.sent:.0f}")

    def stop(self):
        if self.process.poll() is None:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Cipher:
    """bench_cipher as one of those that take turns. @see nanoseconds of Program"""

    def __init__(self, program, proposal, direction, octets, cpu):
        self.name = "cipher"
        self.words = ["taskset", "-c", str(cpu), str(program), proposal, direction, str(octets), "0.15"]
        self.tsc_hz = 0.0

    def wait(self):
        return self

    def nanoseconds(self):
        done = subprocess.run(self.words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(self.words)}: {done.stderr}")
        nanoseconds, tsc_hz = done.stdout.split()
        self.tsc_hz = float(tsc_hz)
        return float(nanoseconds)

    def check(self):
        pass

    def stop(self):
        pass


def in_turns(programs, repeats):
    """{name: [nanoseconds a packet]}, one of each after the other, so often."""
    figures = {program.name: [] for program in programs}
    for _ in range(repeats):
        for program in programs:
            figures[program.name].append(program.nanoseconds())
    for program in programs:
        program.check()
    return figures


def median_and_spread(values):
    """The median, and half of the distance between the quartiles in parts of it."""
    middle = statistics.median(values)
    if len(values) < 4:
        return middle, (max(values) - min(values)) / 2 / middle
    low, _, high = statistics.quantiles(values, n=4)
    return middle, (high - low) / 2 / middle


def cpus():
    """The CPU of control loops, and that of the thread that polls."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
