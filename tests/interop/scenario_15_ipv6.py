#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An IPv6 router: neighbour discovery, forwarding, ICMPv6, under a BYPASS policy; Linux on both sides.

  host 2001:db8:1::2 --- ::1 penstockd 2001:db8:f::1 --- ::9 peer, 2001:db8:2::1 behind it
"""
from lab.scenario import Scenario, standard_gateway, two_ports
from lab.traffic import ping, ping_until

LAN, HOST, WAN, PEER, PEER_INNER = ("2001:db8:1::1", "2001:db8:1::2", "2001:db8:f::1", "2001:db8:f::9",
                                    "2001:db8:2::1")
TAKEN = "2001:db8:3::1"  # the host has it, and the gateway is to have it


def ping_text(space, *words):
    return space.run("ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", *words, check=False).text


with Scenario("ipv6") as s:
    host, gw, peer = two_ports(s)
    for space, interface, address, route, via in ((host, "h0", HOST, "default", LAN),
                                                  (peer, "p0", PEER, "2001:db8:1::/64", WAN)):
        # The gateway's own kernel stays without: it has the same MACs, and must not answer.
        space.sysctl(net__ipv6__conf__all__disable_ipv6=0)
        space.ip("-6", "addr", "add", f"{address}/64", "dev", interface, "nodad")
        space.ip("-6", "route", "add", route, "via", via)
    peer.ip("-6", "addr", "add", f"{PEER_INNER}/128", "dev", "lo")
    host.ip("-6", "addr", "add", f"{TAKEN}/64", "dev", "h0", "nodad")
    peer.ip("-6", "route", "add", f"{TAKEN}/128", "via", WAN)
    gateway = standard_gateway(s, gw)
    for port, address in zip(gateway.config["dataplane"]["ports"], (LAN, WAN)):
        port["addresses"].append(f"{address}/64")
    gateway.config["dataplane"]["ports"][0]["addresses"].append(f"{TAKEN}/64")
    gateway.route("2001:db8:2::/48", PEER, "wan")
    gateway.config["connections"]["clear"] = {"children": {"all": {
        "mode": "pass", "local_ts": ["::/0"], "remote_ts": ["::/0"]}}}

    with s.vital("penstockd starts"):
        gateway.start()

    with s.step("answers neighbour discovery and echo on both ports") as faults:
        for space, address in ((host, LAN), (peer, WAN)):
            faults.expect(ping_until(space, address), f"{address} does not answer")

    with s.step("does not use the address that the host has") as faults:
        lan, wan = (next(p for p in gateway.show("ports")["ports"] if p["name"] == name) for name in ("lan", "wan"))
        faults.expect(lan["duplicate"] == [f"{TAKEN}/64"] and wan["duplicate"] == [],
                      f"duplicates are {lan['duplicate']} and {wan['duplicate']}")
        faults.expect(lan["tentative"] == [] and wan["tentative"] == [], "addresses are tentative still")
        faults.expect(lan["address_claims"] > 0, "no claim was counted")
        faults.expect(ping_until(peer, TAKEN), "the host that has it is not reached through the gateway")

    with s.step("forwards between its ports") as faults:
        ping_until(host, PEER_INNER)
        faults.expect(ping(host, PEER_INNER, count=20, interval=0.02) == 20, "echoes were lost from inside")
        faults.expect(ping(peer, HOST, PEER_INNER, count=20, interval=0.02) == 20, "echoes were lost from outside")
        faults.expect(ping(host, PEER_INNER, count=5, size=1452) == 5, "full packets were lost")

    with s.step("hop limit 1 ends here with an ICMPv6 time exceeded") as faults:
        text = ping_text(host, "-t", "1", PEER_INNER)
        faults.expect(f"From {LAN}" in text and "Time exceeded" in text, text)

    with s.step("no route is answered by ICMPv6 unreachable") as faults:
        text = ping_text(host, "2001:db9::77")
        faults.expect(f"From {LAN}" in text and "nreachable" in text, text)

    with s.step("shows routes and neighbours") as faults:
        faults.expect(any(r["to"] == "2001:db8:2::/48" and r["via"] == PEER for r in gateway.show("routes")["routes"]),
                      "the static route is not shown")
        faults.expect(any(n["address"] == PEER and n["mac"] for n in gateway.show("neighbors")["neighbors"]),
                      "the peer is no neighbour")

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)

    with s.step("stops") as faults:
        gateway.stop()
