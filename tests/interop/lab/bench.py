# SPDX-License-Identifier: BSD-3-Clause
"""Bench: network namespaces, veth pairs and processes that vanish with it, whatever happens."""
import atexit
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Where the programs are; another build (with sanitizers, say) can be put to the same tests.
BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build"))
STOP_S = 6  # how long a process may take to end before it is killed


class LabError(Exception):
    """Something of the laboratory itself did not work; the text says what."""


def run(*words, check=True, timeout=60, **kw):
    """A command run to its end; its output as text. LabError if it fails and check is set."""
    words = [str(w) for w in words]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, **kw)
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{' '.join(words)}: not done within {timeout} s") from late
    if check and done.returncode:
        raise LabError(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}")
    done.text = done.stdout
    return done


def wait_for(what, condition, timeout_s, pause_s=0.05):
    """Returns the first true value of condition(); LabError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s} s")
        time.sleep(pause_s)


class Namespace:
    """One network namespace of a bench."""

    def __init__(self, bench, role, name):
        self.bench, self.role, self.name = bench, role, name

    def words(self, *words):
        return ["ip", "netns", "exec", self.name, *[str(w) for w in words]]

    def run(self, *words, **kw):
        return run(*self.words(*words), **kw)

    def start(self, *words, **kw):
        return self.bench.start(self.words(*words), **kw)

    def ip(self, *words, **kw):
        return run("ip", "-n", self.name, *words, **kw)

    def sysctl(self, **values):
        self.run("sysctl", "-qw", *[f"{key.replace('__', '.')}={value}" for key, value in values.items()])

    def address(self, interface, address):
        self.ip("addr", "add", address, "dev", interface)

    def route(self, to, via):
        self.ip("route", "replace", to, "via", via)

    def device(self, name):
        """The kernel's statistics of a network device."""
        return json.loads(self.ip("-j", "-s", "link", "show", "dev", name).text)[0]["stats64"]

    def counters(self, protocol="Udp"):
        """A row of /proc/net/snmp in this namespace, by name."""
        rows = [line.split() for line in self.run("cat", "/proc/net/snmp").text.splitlines()
                if line.startswith(protocol + ":")]
        return dict(zip(rows[0][1:], map(int, rows[1][1:])))


class Bench:
    """Owns everything that is started; `with Bench("name") as bench:` removes it at the end, also
    after a failure, an interrupt or a termination."""

    def __init__(self, name):
        self.tag = f"ps{os.getpid()}"
        self.name = name
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"penstock-{name}-"))
        self.namespaces, self.processes, self.at_close = {}, [], []
        self.links = 0
        self.closed = False
        atexit.register(self.close)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def namespace(self, role):
        """A namespace for this role, forwarding IPv4, without IPv6 chatter."""
        if role in self.namespaces:
            return self.namespaces[role]
        name = f"{self.tag}-{role}"
        run("ip", "netns", "add", name)
        space = self.namespaces[role] = Namespace(self, role, name)
        space.ip("link", "set", "lo", "up")
        space.sysctl(net__ipv4__ip_forward=1, net__ipv4__conf__all__rp_filter=0,
                     net__ipv4__conf__default__rp_filter=0, net__ipv6__conf__default__disable_ipv6=1,
                     net__ipv6__conf__all__disable_ipv6=1)
        return space

    def link(self, left, left_name, right, right_name, mtu=1500):
        """A veth pair between two namespaces. A veth hands over packets with checksums unfilled and
        segments unsplit; DPDK would see both, so the offloads are off on both ends."""
        self.links += 1
        a, b = f"{self.tag}a{self.links}"[:15], f"{self.tag}b{self.links}"[:15]
        run("ip", "link", "add", a, "type", "veth", "peer", "name", b)
        for space, temporary, name in ((left, a, left_name), (right, b, right_name)):
            run("ip", "link", "set", temporary, "netns", space.name)
            space.ip("link", "set", temporary, "name", name)
            space.run("ethtool", "-K", name, "tx", "off", "rx", "off", "tso", "off", "gso", "off",
                      "gro", "off", check=False)
            space.ip("link", "set", name, "mtu", mtu, "up")

    def start(self, words, log=None, **kw):
        """A process that the bench ends; its output goes to a file of the bench."""
        words = [str(w) for w in words]
        path = self.directory / (log or f"{pathlib.Path(words[-1] if len(words) < 5 else words[4]).name}-{len(self.processes)}.log")
        kw.setdefault("stdin", subprocess.DEVNULL)
        with open(path, "wb") as out:
            process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, **kw)
        process.log = path
        self.processes.append(process)
        return process

    def stop(self, process, number=signal.SIGTERM, within_s=STOP_S):
        """Ends a process of this bench. Returns the seconds it took, or None if it had to be killed."""
        if process in self.processes:
            self.processes.remove(process)
        if process.poll() is not None:
            return 0.0
        began = time.monotonic()
        process.send_signal(number)
        try:
            process.wait(within_s)
            return time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def close(self):
        if self.closed:
            return
        self.closed = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing interrupts the tidying
        for step in reversed(self.at_close):
            try:
                step()
            except Exception as why:  # the rest must go all the same
                print(f"   while tidying up: {why}")
        for process in reversed(list(self.processes)):
            self.stop(process)
        for space in self.namespaces.values():
            run("ip", "netns", "del", space.name, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
