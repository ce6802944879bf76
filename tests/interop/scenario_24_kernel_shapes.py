#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""AH, transport mode, and AH around ESP against a Linux kernel, over IPv4 and IPv6, keyed by hand.

Each SA pair has an address (transport) or a network (tunnel) of its own at the peer, so one start of the
gateway serves all of them. In transport mode the kernel begins: the gateway itself only answers echoes.
"""
import hashlib
from dataclasses import dataclass
from itertools import product

from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN_NET, PEER, WAN, Scenario, standard_gateway, two_ports
from lab.traffic import echoes, ping
from lab.wire import Capture

LAN6, HOST6, LAN6_NET, WAN6, PEER6 = "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::/64", "2001:db8:f::1", "2001:db8:f::9"
AH = {"sha1": ("hmac(sha1)", 20, 96), "sha256": ("hmac(sha256)", 32, 128), "sha384": ("hmac(sha384)", 48, 192),
      "sha512": ("hmac(sha512)", 64, 256), "aesxcbc": ("xcbc(aes)", 16, 96), "aescmac": ("cmac(aes)", 16, 96)}
ESP = {"aes128gcm16": ("rfc4106(gcm(aes))", 20), "aes256gcm16": ("rfc4106(gcm(aes))", 36),
       "chacha20poly1305": ("rfc7539esp(chacha20,poly1305)", 36), "aes128gmac": ("rfc4543(gcm(aes))", 20),
       "aes256gmac": ("rfc4543(gcm(aes))", 36), "aes256-sha256": ("cbc(aes)", 32),
       "aes256-sha256_96": ("cbc(aes)", 32)}
COUNT = 3


def key(spi, what, octets):
    return hashlib.shake_128(f"penstock|{spi:x}|{what}".encode()).hexdigest(octets)


@dataclass(frozen=True)
class Pair:
    """One SA pair, seen from us; `inside`: the ESP pair of a bundle that this AH is around."""
    number: int
    protocol: str
    word: str
    mode: str
    v6: bool
    inside: "Pair" = None
    align4: bool = True

    @property
    def spi_out(self):
        return 0x1000 + 16 * self.number

    @property
    def spi_in(self):
        return self.spi_out + 1

    @property
    def esn(self):
        return self.word.endswith("-esn")

    @property
    def plain(self):
        return self.word.removesuffix("-esn")

    @property
    def title(self):
        around = f" around esp {self.inside.word} {self.inside.mode}" if self.inside else ""
        return f"{self.protocol} {self.word} {self.mode}{around}{'' if self.align4 else ' padded to 64 bits'}"

    @property
    def traffic(self):
        """Whose traffic this is: of a bundle the ESP's."""
        return self.inside or self

    @property
    def ends(self):
        if self.traffic.mode == "tunnel":
            return (WAN6, PEER6) if self.v6 else (WAN, PEER)
        n = (self.inside or self).number
        return (WAN6, f"2001:db8:f::1:{n:x}") if self.v6 else (WAN, f"192.0.2.{100 + n}")

    @property
    def nets(self):
        n = self.number
        if self.mode == "transport" or self.inside:
            return self.ends
        return (LAN6_NET, f"2001:db8:2:{n:x}::/64") if self.v6 else (LAN_NET, f"10.2.{n}.0/24")

    @property
    def inner(self):
        """Who answers at the peer."""
        return self.nets[1].replace("::/64", "::1").replace("0/24", "1")

    @property
    def ours(self):
        """Who answers at this end."""
        if self.mode == "transport":
            return self.ends[0]
        return HOST6 if self.v6 else HOST

    def manual_sas(self, outer=None):
        rows = []
        for direction, spi in (("out", self.spi_out), ("in", self.spi_in)):
            row = {"name": f"lab{self.number}", "direction": direction, "protocol": self.protocol,
                   "mode": self.mode, "spi": f"0x{spi:x}", "local": self.ends[0], "remote": self.ends[1],
                   "proposal": self.word, "replay_window": 64, "local_ts": [self.nets[0]],
                   "remote_ts": [self.nets[1]]}
            if self.protocol == "ah":
                row |= {"auth_key": key(spi, "auth", AH[self.plain][1]), "align4": self.align4}
            else:
                row["enc_key"] = key(spi, "enc", ESP[self.plain][1])
                if "-" in self.plain:
                    row["auth_key"] = key(spi, "auth", 32)
            if outer:
                row["bundle"] = f"lab{outer.number}"
            rows.append(row)
        return (self.inside.manual_sas(self) if self.inside else []) + rows

    def algorithms(self, spi):
        if self.protocol == "ah":
            name, octets, bits = AH[self.plain]
            return f"auth-trunc '{name}' 0x{key(spi, 'auth', octets)} {bits}"
        name, octets = ESP[self.plain]
        if "-" in self.plain:
            bits = 96 if self.plain.endswith("_96") else 128
            return (f"enc '{name}' 0x{key(spi, 'enc', octets)} "
                    f"auth-trunc 'hmac(sha256)' 0x{key(spi, 'auth', 32)} {bits}")
        return f"aead '{name}' 0x{key(spi, 'enc', octets)} 128"

    def states(self):
        flags = [f for f, on in (("esn", self.esn), ("align4", self.protocol == "ah" and not self.v6 and self.align4))
                 if on]
        more = f"replay-window {128 if self.esn else 32} reqid {self.number} mode {self.mode}"
        more += "".join(f" flag {f}" for f in flags)
        us, peer = self.ends
        rows = self.inside.states() if self.inside else []
        return rows + [f"ip xfrm state add src {a} dst {b} proto {self.protocol} spi 0x{spi:x} {more} {self.algorithms(spi)}"
                       for a, b, spi in ((us, peer, self.spi_out), (peer, us, self.spi_in))]

    def ip_xfrm(self):
        us, peer = self.ends
        ours, theirs = self.traffic.nets
        rows = self.states()
        chain = [self.inside, self] if self.inside else [self]
        for direction, here, there, a, b in (("out", peer, us, theirs, ours), ("in", us, peer, ours, theirs),
                                             ("fwd", us, peer, ours, theirs)):
            templates = " ".join(f"tmpl src {here} dst {there} proto {p.protocol} reqid {p.number} mode {p.mode}"
                                 for p in chain)
            rows.append(f"ip xfrm policy add src {a} dst {b} dir {direction} priority 100 {templates}")
        return " &&\n".join(rows)


def make_pairs():
    pairs, numbers = [], iter(range(1, 120))
    for v6 in (False, True):
        for mode in ("tunnel", "transport"):
            for word in (*AH, "sha256-esn", "sha512-esn"):
                pairs.append(Pair(next(numbers), "ah", word, mode, v6))
        for word in (*ESP, "aes128gcm16-esn", "aes256-sha256-esn"):
            pairs.append(Pair(next(numbers), "esp", word, "transport", v6))
        for mode, outer in product(("tunnel", "transport"), repeat=2):
            inside = Pair(next(numbers), "esp", "aes128gcm16", mode, v6)
            pairs.append(Pair(next(numbers), "ah", "sha256", outer, v6, inside))
    pairs.append(Pair(next(numbers), "ah", "sha256", "transport", False, None, False))
    return pairs


PAIRS = make_pairs()
# A neighbour is never asked for under an SA that needs to know where it is.
DISCOVERY = " &&\n".join(f"ip xfrm policy add src ::/0 dst ::/0 proto ipv6-icmp type {n} dir {d} priority 1 action allow"
                         for n in (135, 136) for d in ("in", "out"))
with Scenario("kernel-shapes", needs=["linux.uml"]) as s:
    host, gw, peer = two_ports(s)
    host.sysctl(net__ipv6__conf__all__disable_ipv6=0, net__ipv6__conf__h0__disable_ipv6=0)
    host.ip("-6", "addr", "add", f"{HOST6}/64", "dev", "h0", "nodad")
    host.ip("-6", "route", "add", "default", "via", LAN6)
    gateway = standard_gateway(s, gw)
    for port, address in zip(gateway.config["dataplane"]["ports"], (LAN6, WAN6)):
        port["addresses"].append(f"{address}/64")
    gateway.route("2001:db8:2::/48", PEER6, "wan")
    # net_af_packet has the kernel put IPv4 fragments together, into frames of its ring (framesz, 2,048 unless it is
    # asked); those of IPv6 we do, in our buffers.
    for port in gateway.config["dataplane"]["ports"]:
        port["device"] += ",framesz=4096,blocksz=4096"
    gateway.config["dataplane"]["limits"] = {"largest_packet": 4000}
    gateway.config["manual_sas"] = [row for p in PAIRS for row in p.manual_sas()]
    with s.vital("penstockd starts"):
        gateway.start()
    addresses = {p.traffic.inner for p in PAIRS}
    guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", f"{PEER6}/64",
                                             *[a + ("/128" if ":" in a else "/32") for a in sorted(addresses)]])
    guest.run(f"ip route add {LAN_NET} via {WAN} && ip -6 route add {LAN6_NET} via {WAN6}")
    guest.run(DISCOVERY + " &&\n" + " &&\n".join(p.ip_xfrm() for p in PAIRS))
    guest.serve_echo([p.traffic.inner for p in PAIRS if p.traffic.mode == "tunnel"])
    first = PAIRS[0]
    wait_for("the guest is reached", lambda: ping(host, first.inner, HOST, count=1), 10)
    capture = Capture(peer, "p0", "shapes")

    for v6 in (False, True):
        family = "IPv6" if v6 else "IPv4"
        with s.step(f"{family}: the kernel begins, and is answered") as faults:
            for p in (p for p in PAIRS if p.v6 == v6):
                n = guest.ping(p.traffic.ours, p.traffic.inner, count=COUNT)
                faults.expect(n == COUNT, f"{p.title}: {n} of {COUNT} echoes")
        with s.step(f"{family}: we begin, through tunnels") as faults:
            for p in (p for p in PAIRS if p.v6 == v6 and p.traffic.mode == "tunnel"):
                n = ping(host, p.traffic.inner, HOST6 if v6 else HOST, count=COUNT, interval=0.05)
                faults.expect(n == COUNT, f"{p.title}: {n} of {COUNT} echoes")
        with s.step(f"{family}: larger than the link once sealed, in pieces") as faults:
            for p in (p for p in PAIRS if p.v6 == v6 and p.traffic.mode == "transport"):
                for size in (1440, 2000, 3500):
                    n = guest.ping(p.traffic.ours, p.traffic.inner, count=1, size=size)
                    faults.expect(n == 1, f"{p.title}: an echo of {size} octets is lost")
        with s.step(f"{family}: TCP and UDP through tunnels, both ways") as faults:
            rows = [p for p in PAIRS if p.v6 == v6 and p.traffic.mode == "tunnel"]
            said = echoes(host, [(p.traffic.inner, HOST6 if v6 else HOST) for p in rows])
            faults += [f"{p.title}: {fault}" for p, fault in zip(rows, said) if fault]

    with s.step("both ends say what they are") as faults:
        rows = {(r["name"], r["direction"]): r for r in gateway.show("sas")["manual_sas"]}
        for p in PAIRS:
            row = rows[f"lab{p.number}", "in"]
            faults.expect((row["protocol"], row["mode"]) == (p.protocol, p.mode) and row["packets"] >= COUNT,
                          f"{p.title}: {row}")
    with s.step("only AH and ESP crossed between their ends") as faults:
        ends = {p.ends[1] for p in PAIRS} - {PEER, PEER6}
        other = [f"{a} > {b} protocol {n}" for a, b, n, _, _ in capture.stop().packets()
                 if {str(a), str(b)} & ends and n not in (44, 50, 51, 58)]
        faults.expect(not other, f"{other[:5]}")
    with s.step("the kernel refused nothing") as faults:
        errors = guest.run("cat /proc/net/xfrm_stat | grep -v ' *0$'", check=False).text.split("\n")
        faults += [e for e in errors if "XfrmIn" in e and "NoPols" not in e]
    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)
    guest.stop()
    with s.step("stops") as faults:
        gateway.stop()
