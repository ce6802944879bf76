#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""VLANs against Linux's own: two behind one port, a tagged host on each, and several addresses on one of them.

  host: h0.7 10.7.0.2 and h0.9 10.9.0.2 --- lan (trunk) penstockd wan 192.0.2.1 --- 192.0.2.9 peer
"""
import pathlib

from lab.bench import wait_for
from lab.scenario import PEER, WAN, Scenario, standard_gateway, two_ports, with_address
from lab.traffic import iperf, ping, ping_until

VLANS = {7: ("10.7.0.1", "10.7.0.2"), 9: ("10.9.0.1", "10.9.0.2")}
SECOND = "10.70.0.1"  # another address of ours in VLAN 7, in a network of its own
TAPS = pathlib.Path(__file__).parent / "lab/vlan_taps.py"


def make_vlans(space, trunk, numbers):
    """The kernel's own VLAN devices where it has them."""
    made = [space.ip("link", "add", "link", trunk, "name", f"{trunk}.{n}", "type", "vlan", "id", n, check=False)
            for n in numbers]
    if any(done.returncode for done in made):
        space.start("/usr/bin/python3", TAPS, trunk, *[f"{trunk}.{n}={n}" for n in numbers], log="taps.log")
        wait_for("VLAN devices", lambda: not space.ip("link", "show", f"{trunk}.{numbers[-1]}", check=False).returncode, 5)

with Scenario("vlan") as s:
    host, gw, peer = two_ports(s)
    with_address(peer)
    make_vlans(host, "h0", list(VLANS))
    for number, (_, theirs) in VLANS.items():
        host.ip("link", "set", f"h0.{number}", "up")
        host.ip("addr", "add", f"{theirs}/24", "dev", f"h0.{number}")
        peer.ip("route", "add", f"10.{number}.0.0/24", "via", WAN)
    host.ip("addr", "add", "10.70.0.2/24", "dev", "h0.7")
    host.ip("route", "add", "192.0.2.0/24", "via", VLANS[7][0])
    gateway = standard_gateway(s, gw)
    side = {"port": "lan", "side": "inside"}
    gateway.config["dataplane"]["vlans"] = [
        {"name": "lan.7", "id": 7, "addresses": ["10.7.0.1/24", f"{SECOND}/24"], **side},
        {"name": "lan.9", "id": 9, "addresses": ["10.9.0.1/24"], "mtu": 1400, **side}]
    gateway.config["connections"]["clear"] = {"children": {"all": {
        "mode": "pass", "local_ts": ["0.0.0.0/0"], "remote_ts": ["0.0.0.0/0"]}}}

    with s.vital("penstockd starts"):
        gateway.start()

    with s.step("answers in both VLANs, at each of its addresses") as faults:
        for address in (VLANS[7][0], SECOND, VLANS[9][0]):
            faults.expect(ping_until(host, address), f"{address} does not answer")

    with s.step("forwards between a VLAN and an untagged port, full packets too") as faults:
        ping_until(host, PEER)
        faults.expect(ping(host, PEER, VLANS[7][1], count=20, interval=0.02) == 20, "echoes were lost")
        faults.expect(ping(host, PEER, VLANS[7][1], count=5, size=1472) == 5, "full packets were lost")

    with s.step("forwards to another VLAN of the same port") as faults:
        ping_until(peer, VLANS[9][1])
        faults.expect(ping(peer, VLANS[9][1], count=10, interval=0.02) == 10, "echoes were lost")

    with s.step("a VLAN's own MTU holds") as faults:
        text = peer.run("ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "1472", VLANS[9][1], check=False).text
        faults.expect("mtu = 1400" in text or "mtu=1400" in text, text)

    with s.step("TCP by iperf3") as faults:
        faults.expect(iperf(host, peer, PEER)["bytes"] > 1e6, "too little")

    with s.step("shows VLANs") as faults:
        rows = {row["name"]: row for row in gateway.show("ports")["ports"]}
        faults.expect(rows["lan.9"]["vlan"] == 9 and rows["lan.9"]["port"] == "lan" and rows["lan.9"]["mtu"] == 1400,
                      str(rows["lan.9"]))
        faults.expect(any(n["port"] == "lan.7" and n["mac"] for n in gateway.show("neighbors")["neighbors"]),
                      "no neighbour in VLAN 7")

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)

    with s.step("stops") as faults:
        gateway.stop()
