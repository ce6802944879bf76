#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ESP over and under IPv6 against a Linux kernel: IPv6 in IPv6, IPv4 in IPv6 and IPv6 in IPv4, keyed by hand.
Each tunnel has a network of its own behind the peer, so one start of the gateway serves all of them.
"""
import re

from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN_NET, PEER, WAN, Scenario, standard_gateway, two_ports
from lab.suites import tunnels
from lab.traffic import echoes, ping
from lab.wire import Capture

LAN6, HOST6, LAN6_NET, WAN6, PEER6 = "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::/64", "2001:db8:f::1", "2001:db8:f::9"
WORDS = ["aes128gcm16", "aes256gcm16-esn", "aes256-sha256", "aes128-sha1-esn", "chacha20poly1305", "null-sha512",
         "aes128gmac", "aes256gmac-esn", "aes128-sha256_96", "null-sha256_96"]
COUNT = 3
DUMMIES = 2  # a second and tunnel


def moved(rows, by):
    """The same with other SPIs."""
    return [type(t)(t.suite, t.left, t.right, t.left_net, t.right_net, t.esn, t.spi_right + by, t.spi_left + by)
            for t in rows]


PAIRINGS = {
    "IPv6 in IPv6": tunnels(WAN6, PEER6, LAN6_NET, WORDS, "2001:db8:2:{n}::/64"),
    "IPv4 in IPv6": moved(tunnels(WAN6, PEER6, LAN_NET, WORDS, "10.3.{n}.0/24"), 0x1000),
    "IPv6 in IPv4": moved(tunnels(WAN, PEER, LAN6_NET, WORDS, "2001:db8:3:{n}::/64"), 0x2000),
}
TUNNELS = [tunnel for rows in PAIRINGS.values() for tunnel in rows]


def inner(tunnel):
    return tunnel.right_net.replace("::/64", "::1").replace("0/24", "1")


def source(tunnel):
    return HOST6 if ":" in tunnel.right_net else HOST


DUMMY = "XfrmInStateProtoError"
IN_FLIGHT = 20


def dummies_and_refusals(gateway, guest):
    """How many dummies were sent before and after the kernel said what it had refused."""
    def sent():
        return gateway.show("counters")["counters"]["dummies_sent"]

    before = sent()
    rows = [row.split() for row in guest.run("cat /proc/net/xfrm_stat").text.strip().split("\n")]
    return before, {name: int(n) for name, n in rows if name.startswith("XfrmIn")}, sent()


with Scenario("ipv6-esp", needs=["linux.uml"]) as s:
    host, gw, peer = two_ports(s)
    host.sysctl(net__ipv6__conf__all__disable_ipv6=0, net__ipv6__conf__h0__disable_ipv6=0)
    host.ip("-6", "addr", "add", f"{HOST6}/64", "dev", "h0", "nodad")
    host.ip("-6", "route", "add", "default", "via", LAN6)
    gateway = standard_gateway(s, gw)
    for port, address in zip(gateway.config["dataplane"]["ports"], (LAN6, WAN6)):
        port["addresses"].append(f"{address}/64")
    for net, via in (("2001:db8:2::/48", PEER6), ("10.3.0.0/16", PEER), ("2001:db8:3::/48", PEER6)):
        gateway.route(net, via, "wan")
    gateway.config["manual_sas"] = [row for t in TUNNELS for row in t.manual_sas()]
    for row in gateway.config["manual_sas"]:
        row["dummy_packets"] = DUMMIES if row["direction"] == "out" else 0
    with s.vital("penstockd starts"):
        gateway.start()
    guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", f"{PEER6}/64", *[
        inner(t) + ("/128" if ":" in inner(t) else "/32") for t in TUNNELS]])
    guest.run(" &&\n".join(t.flipped().ip_xfrm() for t in TUNNELS) +
              f" && ip route add {LAN_NET} via {WAN} && ip -6 route add {LAN6_NET} via {WAN6}")
    guest.serve_echo([inner(t) for t in TUNNELS])
    wait_for("the guest is reached", lambda: ping(host, inner(TUNNELS[0]), source(TUNNELS[0]), count=1), 10)
    wait_for("the guest is reached over IPv4", lambda: ping(host, inner(TUNNELS[-1]), source(TUNNELS[-1]), count=1), 10)
    began = dummies_and_refusals(gateway, guest)

    for title, rows in PAIRINGS.items():
        capture = Capture(peer, "p0", title.replace(" ", "-"))
        with s.step(f"{title}: a Linux kernel answers") as faults:
            for t in rows:
                n = ping(host, inner(t), source(t), count=COUNT, interval=0.05)
                faults.expect(n == COUNT, f"{t.word}: {n} of {COUNT} echoes")
        with s.step(f"{title}: the kernel begins") as faults:
            for t in rows:
                n = guest.ping(source(t), inner(t), count=COUNT)
                faults.expect(n == COUNT, f"{t.word}: {n} of {COUNT} echoes")
        with s.step(f"{title}: TCP and UDP, both ways") as faults:
            said = echoes(host, [(inner(t), source(t)) for t in rows])
            faults += [f"{t.word}: {fault}" for t, fault in zip(rows, said) if fault]
        with s.step(f"{title}: ESP of these SAs crossed, and nothing in clear") as faults:
            seen = capture.stop()
            clear = [*seen.in_clear("10.0.0.0/8"), *seen.in_clear("2001:db8:1::/64")]
            faults.expect(not clear, f"in clear outside: {clear[:5]}")
            spis = {spi for _, _, spi, _, _ in seen.esp()}
            missing = [t.word for t in rows if not {t.spi_left, t.spi_right} <= spis]
            faults.expect(not missing, f"no ESP seen for {missing}")

    with s.step("a full packet is answered with the tunnel's MTU, and what fits passes") as faults:
        first = PAIRINGS["IPv6 in IPv6"][0]
        text = host.run("ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1452", inner(first),
                        check=False).text
        # 1500 - 40 outer header - 8 ESP - 8 IV - 16 ICV - 2 trailer = 1426, less what alignment costs.
        found = re.search(r"mtu[ =:]+(\d+)", text)  # TCP may have been told it before
        if faults.expect(found and 1418 <= int(found[1]) <= 1426, f"no ICMPv6 of the right MTU:\n{text}"):
            n = ping(host, inner(first), count=3, size=int(found[1]) - 48)
            faults.expect(n == 3, f"{found[1]} does not fit")

    with s.step("the kernel refused nothing but dummies, and those after it had opened them") as faults:
        # It counts each as an error of the protocol (RFC 4303 section 2.6: none is told), and only whose ICV was right.
        ended = dummies_and_refusals(gateway, guest)
        least, most = ended[0] - began[2] - IN_FLIGHT, ended[2] - began[0] + IN_FLIGHT
        told = ended[1].pop(DUMMY) - began[1].pop(DUMMY)
        faults.expect(0 < least <= told <= most, f"{least} to {most} dummies, {told} refused")
        faults += [f"{e} {n}" for e, n in ended[1].items() if n != began[1][e] and "NoPols" not in e]
        integrity = guest.run("ip -s xfrm state | grep -o 'failed [1-9][0-9]*'", check=False).text
        faults.expect(not integrity.strip(), integrity)

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)
    guest.stop()
    with s.step("stops") as faults:
        gateway.stop()
