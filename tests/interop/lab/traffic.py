# SPDX-License-Identifier: BSD-3-Clause
"""Traffic of real programs between namespaces: ping, iperf3, the numbered stream."""
import json
import math
import pathlib
import re
import signal
import time

from .bench import LabError, wait_for

ECHO = pathlib.Path(__file__).with_name("echo.py")
STREAM = pathlib.Path(__file__).with_name("stream.py")


def ping(space, destination, source=None, count=5, size=56, more=(), interval=0.1, wait=2):
    """How many echoes were answered, at most `count`. With a deadline ping waits for `count` answers; without one
    it leaves two round trips after its last request, which a loaded machine does not always keep."""
    deadline = math.ceil(count * interval + wait + 1)
    words = ["ping", "-n", "-c", count, "-i", interval, "-W", wait, "-w", deadline, "-s", size, *more]
    words += ["-I", source] if source else []
    text = space.run(*words, destination, check=False, timeout=count * 2 + 20 + wait).text
    found = re.search(r"(\d+) received", text)
    return min(int(found[1]), count) if found else 0


def ping_until(space, destination, source=None, timeout_s=10):
    """Waits for the first answered echo."""
    return wait_for(f"an echo from {destination}",
                    lambda: ping(space, destination, source, count=1), timeout_s)


def echoes(space, pairs):
    """TCP and UDP to (address, source) pairs where echo.py serves; a sentence or "" for each."""
    return json.loads(space.run("/usr/bin/python3", ECHO, "send", *[f"{a},{b}" for a, b in pairs],
                                timeout=60 + 20 * len(pairs)).text)


def iperf(client, server, address, source=None, seconds=1, octets=None, udp=None,
          reverse=False, port=5201):
    """One iperf3 run; {"mbps", "bytes", "lost", "packets"}. udp: megabits a second; octets: how
    much instead of how long."""
    process = server.start("iperf3", "-s", "-1", "-p", port, "-B", address, log=f"iperf-{port}-{time.time_ns()}.log")
    wait_for("iperf3 listens", lambda: _listens(server, port), 10)
    words = ["iperf3", "-J", "-c", address, "-p", port, *(["-n", octets] if octets else ["-t", seconds]), "--connect-timeout", "3000"]
    words += ["-B", source] if source else []
    words += ["-u", "-b", f"{udp}M", "-l", "1200"] if udp else []
    words += ["-R"] if reverse else []
    try:
        done = client.run(*words, check=False, timeout=seconds + 30)
        try:
            result = json.loads(done.text[done.text.index("{"):])
        except ValueError:
            raise LabError(f"iperf3 said: {done.text[-500:]}") from None
        if "error" in result:
            raise LabError(f"iperf3: {result['error']}")
        end = result["end"]
        total = end["sum"] if udp else end["sum_received"]
        return {"mbps": total["bits_per_second"] / 1e6, "bytes": total["bytes"],
                "lost": total.get("lost_packets", 0), "packets": total.get("packets", 0)}
    finally:
        server.bench.stop(process, signal.SIGTERM)


def _listens(space, port):
    """A TCP socket of the namespace is in state LISTEN, 0A, on this port."""
    text = space.run("cat", "/proc/net/tcp", "/proc/net/tcp6", check=False).text
    rows = [row.split() for row in text.splitlines() if ":" in row]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


class Stream:
    """A numbered stream from one namespace to another, running until finish()."""

    def __init__(self, sender, receiver, address, source, port=7000, rate=1000, seconds=120):
        self.bench = sender.bench
        self.receiver = receiver.start("/usr/bin/python3", STREAM, "receive", address, port, 8,
                                       log=f"receive-{port}.log")
        wait_for("the receiver is ready", lambda: "ready" in self.receiver.log.read_text(), 10)
        self.sender = sender.start("/usr/bin/python3", STREAM, "send", address, port, rate, seconds, source,
                                   log=f"send-{port}.log")
        wait_for("the sender has started", lambda: self.sender.poll() is None, 2)
        self.began = time.monotonic()

    def finish(self):
        """Stops the sender. {"sent", "received", "missing", "double", "reordered", "kernel_lost", ...}"""
        if time.monotonic() - self.began < 1:
            time.sleep(1)  # python has installed its handler by then
        if self.sender.poll() is None:
            self.sender.send_signal(signal.SIGUSR1)
        self.sender.wait(20)
        self.receiver.wait(20)
        texts = [p.log.read_text().strip().splitlines() for p in (self.sender, self.receiver)]
        try:
            result = {**json.loads(texts[1][-1]), **json.loads(texts[0][-1])}
            # Also when the end of the stream never came.
            return {**result, "missing": result["sent"] - result["received"]}
        except (ValueError, IndexError):
            raise LabError(f"the stream said: {texts}") from None


def describe(result):
    return (f"{result['received']} of {result['sent']} packets, {result['missing']} missing"
            f" ({result['kernel_lost']} lost by the kernel's sockets), {result['double']} double,"
            f" {result['reordered']} out of order, longest gap {result['longest_gap_ms']} ms")
