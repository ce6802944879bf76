#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""AH, transport mode and transport mode in UDP, agreed on by IKEv2 with strongSwan inside User Mode Linux, whose
kernel does both; begun and rekeyed by either end.

Transport mode is between the addresses of an IKE SA: each such child has a connection of its own, with an address
of its own at the peer. There the guest begins: the gateway itself only answers echoes.
"""
import json
from dataclasses import dataclass

from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN_NET, PEER, PSK, WAN, Scenario, standard_gateway, two_ports
from lab.strongswan import StrongSwan, connection
from lab.traffic import ping
from lab.tunnel import IKE
from lab.wire import Capture

COUNT = 3


@dataclass(frozen=True)
class Shape:
    number: int
    protocol: str
    word: str
    mode: str
    encap: bool = False

    @property
    def title(self):
        return f"{self.protocol} {self.word} {self.mode}{' in UDP' if self.encap else ''}"

    @property
    def name(self):
        return f"c{self.number}"

    @property
    def peer(self):
        return f"192.0.2.{20 + self.number}"

    @property
    def inner(self):
        return self.peer if self.mode == "transport" else f"10.2.{self.number}.1"

    @property
    def ours(self):
        return WAN if self.mode == "transport" else HOST

    def proposals(self):
        return {f"{self.protocol}_proposals": self.word}

    def our_connection(self):
        tunnel = {"local_ts": LAN_NET, "remote_ts": f"10.2.{self.number}.0/24"} if self.mode == "tunnel" else {}
        return {"local_addrs": [WAN], "remote_addrs": [self.peer], "proposals": IKE, "rekey_time": "0s",
                "encap": self.encap, "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": self.peer},
                "children": {self.name: {"mode": self.mode, "rekey_time": "0s", **tunnel, **self.proposals()}}}

    def their_connection(self):
        tunnel = {"local_ts": f"10.2.{self.number}.0/24", "remote_ts": LAN_NET} if self.mode == "tunnel" else {}
        child = {"mode": self.mode, "rekey_time": 0, **tunnel, **self.proposals()}
        return connection(self.peer, WAN, {self.name: child}, ike=IKE, encap="yes" if self.encap else "no")


SHAPES = [Shape(n, *rest) for n, rest in enumerate((
    ("ah", "sha512-esn", "tunnel"), ("ah", "sha256", "transport"), ("ah", "sha1-esn", "transport"),
    ("esp", "aes128gcm16", "transport"), ("esp", "aes256-sha256-esn", "transport"),
    ("esp", "aes128gcm16", "transport", True), ("esp", "aes128gcm16-esn", "tunnel")), 1)]
TUNNELS = [x for x in SHAPES if x.mode == "tunnel"]


def carries(faults, guest, host):
    # All at once: the guest is slow to start programs.
    said = guest.run("\n".join(f"ping -n -c {COUNT} -i 0.1 -W 3 -I {x.inner} {x.ours} > /run/{x.name} &" for x in SHAPES)
                     + "\nwait\ngrep -H received /run/c[0-9]*").text
    for x in SHAPES:
        faults.expect(f"/{x.name}:{COUNT} packets transmitted, {COUNT} received" in said,
                      f"{x.title}: echoes of the guest are lost: {said}")
    for x in TUNNELS:
        n = ping(host, x.inner, HOST, count=COUNT, interval=0.05)
        faults.expect(n == COUNT, f"{x.title}: {n} of {COUNT} echoes of the host")


def each(faults, act, shapes=SHAPES):
    for x in shapes:
        done = act(x)
        faults.expect(done.returncode == 0, f"{x.title}: {done.text[-300:]}")


with Scenario("kernel_ike_shapes", needs=["linux.uml", "swanctl"]) as s:
    host, gw, peer = two_ports(s)
    gateway = standard_gateway(s, gw)
    gateway.config["connections"] = {f"lab{x.number}": x.our_connection() for x in SHAPES}
    gateway.config["secrets"]["ike-lab"] = {"id": [x.peer for x in SHAPES], "secret": PSK}
    with s.vital("penstockd and the guest start"):
        gateway.start()
        guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{x.peer}/24" for x in SHAPES],
                                                 *[f"{x.inner}/32" for x in TUNNELS]])
        swan = StrongSwan(s.bench, peer, "swan", guest)
        s.show_on_failure("log of strongSwan", lambda: swan.log(40))
        swan.connections = {f"lab{x.number}": x.their_connection() for x in SHAPES}
        swan.psk(PSK, WAN, *[x.peer for x in SHAPES])
        swan.start()
    capture = Capture(peer, "p0", "outside")

    with s.step("as initiator") as faults:
        each(faults, lambda x: gateway.cli("up", f"lab{x.number}/{x.name}", check=False))
        carries(faults, guest, host)
    with s.step("both ends say what was agreed") as faults:
        seen = {c["child"]: c for _, c in gateway.children()}
        state = guest.run("ip xfrm state").text
        for x in SHAPES:
            c = seen.get(x.name, {})
            said = tuple(c.get(key) for key in ("protocol", "mode", "encap"))
            faults.expect(said == (x.protocol, x.mode, x.encap), f"{x.title}: {json.dumps(c)}")
            mine = [row for row in state.split("\nsrc ") if f"{x.peer} dst {WAN}" in row.splitlines()[0]]
            right = [row for row in mine if f"proto {x.protocol} " in row and f"mode {x.mode}" in row
                     and ("espinudp" in row) == x.encap and ("esn" in row) == x.word.endswith("-esn")]
            faults.expect(len(right) == len(mine) == 1, f"{x.title}: the kernel has {mine}")
    with s.step("TCP and UDP through AH and ESP tunnels") as faults:
        for x in TUNNELS:
            guest.run(f"iperf3 -s -D -B {x.inner}")
            for more in ([], ["-R"], ["-u", "-b", "1M", "-l", "1000"]):
                # The server is slow to begin, and between two clients.
                words = ["iperf3", "-c", x.inner, "-n", "50K", "--connect-timeout", "3000", *more]
                wait_for(f"{x.title}: {' '.join(words)}",
                         lambda: host.run(*words, check=False, timeout=30).returncode == 0, 20, pause_s=0.3)
    with s.step("rekeys by either end") as faults:
        each(faults, lambda x: gateway.cli("rekey", f"lab{x.number}/{x.name}", check=False))
        carries(faults, guest, host)
        each(faults, lambda x: swan.rekey_child(x.name), SHAPES[::2])
        carries(faults, guest, host)
        seen = {c["child"]: c for _, c in gateway.children() if c["state"] == "installed"}
        for x in SHAPES:
            c = seen.get(x.name, {})
            faults.expect((c.get("protocol"), c.get("mode")) == (x.protocol, x.mode), f"{x.title}: {json.dumps(c)}")
    with s.step("deleted, and as responder") as faults:
        for x in SHAPES:
            gateway.cli("down", f"lab{x.number}/{x.name}")
        # strongSwan keeps the inbound half of a rekeyed SA for some seconds.
        left = [row for row in guest.run("ip xfrm state").text.splitlines() if row.endswith(f" dst {WAN}")]
        faults.expect(not left, f"the kernel still has {left}")
        each(faults, lambda x: swan.initiate(x.name, check=False), SHAPES[:-1])
        gateway.cli("up", f"lab{SHAPES[-1].number}")
        carries(faults, guest, host)
    with s.step("only AH and ESP crossed, and nothing in clear") as faults:
        capture.stop()
        wanted = {x.peer: 17 if x.encap else {"ah": 51, "esp": 50}[x.protocol] for x in SHAPES}
        kinds = {}
        for source, destination, protocol, payload, _ in capture.ipv4():
            other = str(destination if str(source) == WAN else source)
            if protocol == 17 and other in wanted and {500, 4500} & {int.from_bytes(payload[i:i + 2], "big") for i in (0, 2)}:
                continue
            kinds.setdefault(other, set()).add(protocol)
        for x in SHAPES:
            faults.expect(kinds.get(x.peer, set()) <= {wanted[x.peer]}, f"{x.title}: protocols {kinds.get(x.peer)}")
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
    guest.stop()
    with s.step("stops") as faults:
        gateway.stop()
