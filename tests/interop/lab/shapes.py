# SPDX-License-Identifier: BSD-3-Clause
"""Shapes of child SAs, agreed on with strongSwan in User Mode Linux: protocol, mode, UDP; both ends' configuration.

Transport mode is between the addresses of an IKE SA: each such child has a connection of its own, with an address
of its own at the peer. There the guest begins: the gateway itself only answers echoes.
"""
import json
from dataclasses import dataclass

from .scenario import HOST, LAN_NET, WAN
from .strongswan import connection
from .traffic import ping
from .tunnel import IKE

COUNT = 3
PHASE1 = {1: "aes128-sha256-modp2048", 2: IKE}


@dataclass(frozen=True)
class Shape:
    number: int
    protocol: str
    word: str
    mode: str
    encap: bool = False
    version: int = 2

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
        return {"local_addrs": [WAN], "remote_addrs": [self.peer], "proposals": PHASE1[self.version],
                "version": self.version, "rekey_time": "0s",
                "encap": self.encap, "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": self.peer},
                "children": {self.name: {"mode": self.mode, "rekey_time": "0s", **tunnel, **self.proposals()}}}

    def their_connection(self):
        tunnel = {"local_ts": f"10.2.{self.number}.0/24", "remote_ts": LAN_NET} if self.mode == "tunnel" else {}
        child = {"mode": self.mode, "rekey_time": 0, **tunnel, **self.proposals()}
        return {**connection(self.peer, WAN, {self.name: child}, ike=PHASE1[self.version],
                             encap="yes" if self.encap else "no"), "version": self.version}


def tunnels(shapes):
    return [x for x in shapes if x.mode == "tunnel"]


def carries(faults, guest, host, shapes):
    # All at once: the guest is slow to start programs.
    said = guest.run("\n".join(f"ping -n -c {COUNT} -i 0.1 -W 3 -I {x.inner} {x.ours} > /run/{x.name} &" for x in shapes)
                     + "\nwait\ngrep -H received /run/c[0-9]*").text
    for x in shapes:
        faults.expect(f"/{x.name}:{COUNT} packets transmitted, {COUNT} received" in said,
                      f"{x.title}: echoes of the guest are lost: {said}")
    for x in tunnels(shapes):
        n = ping(host, x.inner, HOST, count=COUNT, interval=0.05)
        faults.expect(n == COUNT, f"{x.title}: {n} of {COUNT} echoes of the host")


def each(faults, act, shapes):
    for x in shapes:
        done = act(x)
        faults.expect(done.returncode == 0, f"{x.title}: {done.text[-300:]}")


def both_say(faults, gateway, guest, shapes):
    """What was agreed, by our list and by the guest's kernel."""
    seen = {c["child"]: c for _, c in gateway.children()}
    state = guest.run("ip xfrm state").text
    for x in shapes:
        c = seen.get(x.name, {})
        said = tuple(c.get(key) for key in ("protocol", "mode", "encap"))
        faults.expect(said == (x.protocol, x.mode, x.encap), f"{x.title}: {json.dumps(c)}")
        mine = [row for row in state.split("\nsrc ") if f"{x.peer} dst {WAN}" in row.splitlines()[0]]
        right = [row for row in mine if f"proto {x.protocol} " in row and f"mode {x.mode}" in row
                 and ("espinudp" in row) == x.encap and ("esn" in row) == x.word.endswith("-esn")]
        faults.expect(len(right) == len(mine) == 1, f"{x.title}: the kernel has {mine}")
