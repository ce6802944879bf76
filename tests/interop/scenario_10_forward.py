#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A plain router: forwarding, ARP, ICMP, under a BYPASS policy.

  host 10.1.0.2 --- 10.1.0.1 penstockd 192.0.2.1 --- 192.0.2.9 peer, 10.2.0.1 behind it
"""
import re

from lab.bench import wait_for
from lab.scenario import HOST, LAN, PEER, PEER_INNER, WAN, Scenario, standard_gateway, two_ports, with_address
from lab.traffic import iperf, ping, ping_until
from lab.wire import Capture


def ping_text(space, *words):
    return space.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", *words, check=False).text


with Scenario("forward") as s:
    host, gw, peer = two_ports(s)
    with_address(peer)
    peer.ip("route", "add", "10.1.0.0/24", "via", WAN)
    gateway = standard_gateway(s, gw)
    gateway.config["connections"]["clear"] = {"children": {"all": {
        "mode": "pass", "local_ts": ["0.0.0.0/0"], "remote_ts": ["0.0.0.0/0"]}}}

    with s.vital("penstockd starts"):
        gateway.start()

    with s.step("answers ARP and echo on both ports") as faults:
        for space, address in ((host, LAN), (peer, WAN)):
            faults.expect(ping_until(space, address), f"{address} does not answer")

    with s.step("forwards between its ports") as faults:
        ping_until(host, PEER_INNER)
        faults.expect(ping(host, PEER_INNER, count=20, interval=0.02) == 20, "echoes were lost from inside")
        faults.expect(ping(peer, HOST, PEER_INNER, count=20, interval=0.02) == 20, "echoes were lost from outside")
        faults.expect(ping(host, PEER_INNER, count=5, size=1472) == 5, "full packets were lost")

    with s.step("TTL 1 ends here with an ICMP time exceeded") as faults:
        text = ping_text(host, "-t", "1", PEER_INNER)
        faults.expect(f"From {LAN}" in text and "Time to live exceeded" in text, text)

    with s.step("no route is answered by ICMP unreachable") as faults:
        text = ping_text(host, "203.0.113.77")
        faults.expect(f"From {LAN}" in text and "Unreachable" in text, text)

    with s.step("a next hop that is silent is answered by ICMP unreachable") as faults:
        text = host.run("ping", "-n", "-c", "3", "-i", "0.3", "-w", "6", "192.0.2.77", check=False).text
        faults.expect("Unreachable" in text, text)

    # The kernel puts fragments together before net_af_packet sees them (PACKET_FANOUT_FLAG_DEFRAG), and cuts
    # off what is beyond the ring's 2,048 octets: what comes in is one packet that is larger than the MTU.
    with s.step("fragments are forwarded") as faults:
        faults.expect(ping(host, PEER_INNER, count=3, size=1900) == 3, "fragmented echoes were lost")

    with s.step("TCP and UDP by iperf3") as faults:
        down, up = iperf(host, peer, PEER_INNER), iperf(host, peer, PEER_INNER, reverse=True)
        datagrams = iperf(host, peer, PEER_INNER, udp=10)
        faults.expect(min(down["bytes"], up["bytes"]) > 1e6, f"too little: {down} {up}")
        faults.note(f"{down['mbps']:.0f} and {up['mbps']:.0f} Mbit/s, UDP lost {datagrams['lost']}")

    with s.step("ARP: only the owner of an address is answered for") as faults:
        seen = Capture(host, "h0", "arp", "arp")
        host.run("ping", "-n", "-c", "1", "-W", "1", "10.1.0.99", check=False)
        wait_for("the request", lambda: any(True for _ in seen.stop().frames()), 3)
        answers = [p for kind, p in seen.frames() if kind == 0x0806 and p[7] == 2 and p[14:18] == bytes([10, 1, 0, 99])]
        faults.expect(not answers, "somebody answered for 10.1.0.99")

    with s.step("shows ports, routes, neighbours, workers, policies") as faults:
        ports = {p["name"]: p for p in gateway.show("ports")["ports"]}
        faults.expect(set(ports) == {"lan", "wan"} and ports["wan"]["side"] == "outside", f"ports: {ports}")
        faults.expect(ports["lan"]["rx_packets"] > 40, f"port statistics: {ports['lan']}")
        faults.expect(any(r["to"] == "10.2.0.0/16" and r["via"] == PEER for r in gateway.show("routes")["routes"]),
                      "the static route is not shown")
        faults.expect(any(n["address"] == PEER and re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", n["mac"])
                          for n in gateway.show("neighbors")["neighbors"]), "the peer is no neighbour")
        faults.expect(gateway.show("workers")["workers"], "no workers are shown")
        faults.expect(any(p["action"] == "bypass" for p in gateway.show("policies")["policies"]), "no bypass policy")

    with s.step("DPDK's telemetry answers truthfully") as faults:
        port = gateway.telemetry("/ethdev/stats,0")
        faults.expect(port["ipackets"] > 40 and port["opackets"] > 40, f"/ethdev/stats,0: {port}")
        totals, drops = gateway.telemetry("/penstock/totals"), gateway.telemetry("/penstock/drops")
        faults.expect(totals["received"] >= port["ipackets"], f"/penstock/totals: {totals}")
        faults.expect(drops.get("ttl_expired", 0) >= 2, f"/penstock/drops: {drops}")
        faults.expect(gateway.telemetry("/penstock/workers"), "/penstock/workers is empty")

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)

    with s.step("stops within 5 s of SIGTERM") as faults:
        took = gateway.stop()
        faults.expect(took < 5, f"it took {took:.1f} s")
        faults.expect(not gateway.socket.exists(), "the socket is still there")
