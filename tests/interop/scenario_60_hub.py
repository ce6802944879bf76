#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hub and spokes: two strongSwans talk to each other, and to a host behind us, through one Penstock. A
packet of one spoke for the other is opened and sealed again; nothing of it is in clear outside.

  spoke1 10.2.1.1 (192.0.2.11) --+-- switch --- 192.0.2.1 penstockd 10.1.0.1 --- 10.1.0.2 host
  spoke2 10.2.2.1 (192.0.2.12) --+
"""
from lab.scenario import HOST, LAN, LAN_NET, PSK, WAN, Scenario
from lab.strongswan import StrongSwan, child, connection
from lab.traffic import iperf, ping, ping_until
from lab.wire import Capture

SPOKES = {1: ("192.0.2.11", "10.2.1.0/24", "10.2.1.1"), 2: ("192.0.2.12", "10.2.2.0/24", "10.2.2.1")}
IKE = "aes128gcm16-prfsha256-x25519"


def topology(s):
    host, gw, switch = (s.bench.namespace(r) for r in ("host", "gw", "switch"))
    s.bench.link(host, "h0", gw, "in0")
    host.address("h0", f"{HOST}/24")
    host.ip("route", "add", "default", "via", LAN)
    switch.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
    switch.ip("link", "set", "br0", "up")
    s.bench.link(gw, "out0", switch, "hub")
    spaces = {}
    for n, (outer, _, inner) in SPOKES.items():
        space = spaces[n] = s.bench.namespace(f"spoke{n}")
        s.bench.link(space, "p0", switch, f"s{n}")
        space.address("p0", f"{outer}/24")
        space.address("lo", f"{inner}/32")
    for port in ("hub", "s1", "s2"):
        switch.ip("link", "set", port, "master", "br0")
    return host, gw, switch, spaces


def configure(gateway, swans):
    for n, (outer, net, _) in SPOKES.items():
        other = SPOKES[3 - n][1]
        behind = [LAN_NET, other]  # what this spoke reaches through us
        gateway.config["connections"][f"spoke{n}"] = {
            "local_addrs": [WAN], "remote_addrs": [outer], "proposals": [IKE],
            "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": outer},
            "children": {"net": {"local_ts": behind, "remote_ts": [net], "esp_proposals": ["aes128gcm16"],
                                 "start_action": "none"}}}
        gateway.config["secrets"][f"ike-spoke{n}"] = {"id": [outer], "secret": f"{PSK} {n}"}
        gateway.route(net, outer, "wan")
        swans[n].connections["hub"] = connection(outer, WAN, {"net": child(net, ",".join(behind))}, ike=IKE)
        swans[n].psk(f"{PSK} {n}", outer, WAN)


with Scenario("hub", needs=["swanctl"]) as s:
    host, gw, switch, spaces = topology(s)
    gateway = s.gateway(gw)
    gateway.port("lan", "in0", "inside", f"{LAN}/24").port("wan", "out0", "outside", f"{WAN}/24")
    swans = {n: StrongSwan(s.bench, spaces[n], f"swan{n}") for n in SPOKES}
    configure(gateway, swans)
    with s.vital("hub and spokes start"):
        gateway.start()
        for swan in swans.values():
            swan.start()
    captures = [Capture(switch, "hub", "hub"), Capture(switch, "br0", "switch")]

    with s.vital("one spoke dials the hub, the hub dials the other") as faults:
        swans[1].initiate("net")
        gateway.cli("up", "spoke2/net")
        faults.expect(len(gateway.children()) == 2, f"{len(gateway.children())} children")

    one, two = SPOKES[1][2], SPOKES[2][2]
    with s.step("each spoke reaches the host behind the hub") as faults:
        for n, space in spaces.items():
            ping_until(space, HOST, SPOKES[n][2])
            faults.expect(ping(host, SPOKES[n][2], count=5) == 5, f"host to spoke {n}")
    with s.step("spoke to spoke, both ways") as faults:
        faults.expect(ping(spaces[1], two, one, count=10, interval=0.05) == 10, "one to two")
        faults.expect(ping(spaces[2], one, two, count=10, interval=0.05) == 10, "two to one")
    with s.step("spoke to spoke: TCP and UDP by iperf3") as faults:
        down = iperf(spaces[1], spaces[2], two, one)
        up = iperf(spaces[1], spaces[2], two, one, reverse=True)
        datagrams = iperf(spaces[1], spaces[2], two, one, udp=5)
        faults.expect(min(down["bytes"], up["bytes"]) > 500_000, f"{down} {up}")
        faults.note(f"{down['mbps']:.0f} and {up['mbps']:.0f} Mbit/s, UDP lost {datagrams['lost']}")
    with s.step("no inner packet is in clear on the outside") as faults:
        for capture in captures:
            clear = capture.stop().in_clear("10.0.0.0/8")
            faults.expect(not clear, f"{capture.path.name}: {clear[:5]}")
        outers = {(a, b) for a, b, _, _, _ in captures[0].esp()}
        wanted = {(SPOKES[n][0], WAN) for n in SPOKES} | {(WAN, SPOKES[n][0]) for n in SPOKES}
        faults.expect(outers == wanted, f"ESP was seen between {sorted(outers)}")
        faults.note(f"{sum(1 for _ in captures[0].esp())} ESP packets at the hub")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
    gateway.stop()
    for swan in swans.values():
        swan.stop()
