# SPDX-License-Identifier: BSD-3-Clause
"""Scenario: steps with a verdict each, in a bench that is removed at the end; and the usual topologies."""
import contextlib
import os
import pathlib
import shutil
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from report import Report  # noqa: E402

from .bench import Bench, LabError  # noqa: E402
from .gateway import Gateway  # noqa: E402

WAN, PEER = "192.0.2.1", "192.0.2.9"      # our outside address, the peer's
LAN, HOST = "10.1.0.1", "10.1.0.2"        # our inside address, a host behind us
LAN_NET = "10.1.0.0/24"
PEER_INNER, PEER_NET = "10.2.0.1", "10.2.0.0/16"  # what lies behind the peer
PSK = "a secret of the laboratory, 0123456789"


class Scenario:
    """`with Scenario("name", needs=[programs]) as s:`; each `with s.step("what holds") as faults:` is a
    verdict, failed by an exception or by sentences appended to faults. Steps of s.vital() end the
    scenario when they fail."""

    def __init__(self, name, needs=()):
        self.report = Report(f"interop/{name}")
        self.name, self.logs = name, []
        if os.geteuid():
            self.report.skip("", "network namespaces need root")
            sys.exit(0)
        for program in ("ip", "ethtool", "ping", "iperf3", "tcpdump", *needs):
            if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
                self.report.skip("", f"{program} is not installed")
                sys.exit(0)
        self.bench = Bench(name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind and issubclass(kind, Exception):
            self.report.fail("", "".join(traceback.format_exception(error)[-3:]))
            self.tell()
        self.bench.close()
        if kind is None or issubclass(kind, Exception):
            self.report.exit()

    def show_on_failure(self, title, text):
        """text() is printed after the first failed step: a log, most often."""
        self.logs.append((title, text))

    def tell(self):
        for title, text in self.logs:  # once: the first failure is what the logs are about
            try:
                said = text()
            except Exception as why:
                said = f"({why})"
            print(f"    --- {title}\n" + "\n".join("    " + row for row in said.splitlines()))
        self.logs = []
        sys.stdout.flush()

    @contextlib.contextmanager
    def step(self, name, vital=False):
        faults, notes = Faults(), []
        faults.note = notes.append
        try:
            yield faults
        except LabError as why:
            faults.append(str(why))
        except (AssertionError, KeyError, ValueError, IndexError, TypeError) as why:
            faults.append("".join(traceback.format_exception(why)[-3:]))
        if not faults:
            self.report.passed(name, "; ".join(notes))
            return
        self.report.fail(name, "\n".join(map(str, faults)))
        self.tell()
        if vital:
            self.bench.close()
            self.report.exit()

    def vital(self, name):
        return self.step(name, vital=True)

    def gateway(self, space, name="gw"):
        gateway = Gateway(self.bench, space, name)
        self.show_on_failure(f"log of penstockd {name}", lambda: gateway.log(30))
        self.show_on_failure(f"drops of penstockd {name}", lambda: str(gateway.drops()))
        return gateway

    def healthy(self, faults, gateway, before=None):
        """No drop that a working tunnel never shows, and every packet accounted for."""
        drops = gateway.tunnel_drops(before)
        if drops:
            faults.append(f"drops: {drops}")
        off = gateway.imbalance()
        if off:
            faults.append(f"the counters do not balance, by {off}: {gateway.show('counters')['counters']}")


class Faults(list):
    """Sentences; note(text) adds a remark to the verdict of a step that holds."""
    note = None

    def expect(self, truth, sentence):
        if not truth:
            self.append(sentence)
        return truth


def two_ports(s, peer_role="peer"):
    """host --- (in0) gw (out0) --- peer. Returns the three namespaces; the gateway's ends are bare."""
    host, gw, peer = (s.bench.namespace(r) for r in ("host", "gw", peer_role))
    s.bench.link(host, "h0", gw, "in0")
    s.bench.link(gw, "out0", peer, "p0")
    host.address("h0", f"{HOST}/24")
    host.ip("route", "add", "default", "via", LAN)
    return host, gw, peer


def with_address(peer, *inner):
    """The peer's outside address and what is to lie behind it."""
    peer.address("p0", f"{PEER}/24")
    for address in inner or (PEER_INNER,):
        peer.address("lo", f"{address}/32")


def standard_gateway(s, space, name="gw"):
    gateway = s.gateway(space, name)
    gateway.port("lan", "in0", "inside", f"{LAN}/24").port("wan", "out0", "outside", f"{WAN}/24")
    return gateway.route(PEER_NET, PEER, "wan")
