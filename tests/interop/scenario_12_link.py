#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A link that goes down and comes back: shown, nothing sent meanwhile, and everything again afterwards. The
inside port is a TAP device, whose kernel end is the host behind us.

  tap0 10.1.0.2 --- 10.1.0.1 penstockd 192.0.2.1 --- 192.0.2.9 peer
"""
from lab.bench import wait_for
from lab.scenario import HOST, LAN, PEER, WAN, Scenario
from lab.traffic import ping, ping_until

with Scenario("link") as s:
    gw, peer = s.bench.namespace("gw"), s.bench.namespace("peer")
    s.bench.link(gw, "out0", peer, "p0")
    peer.address("p0", f"{PEER}/24")
    peer.route("10.1.0.0/24", WAN)
    gateway = s.gateway(gw)
    gateway.port("lan", "tap0", "inside", f"{LAN}/24", driver="net_tap")
    gateway.port("wan", "out0", "outside", f"{WAN}/24")
    gateway.config["connections"] = {"clear": {"children": {"all": {
        "mode": "pass", "local_ts": ["0.0.0.0/0"], "remote_ts": ["0.0.0.0/0"]}}}}

    def link():
        return {row["name"]: row["link"] for row in gateway.show("ports")["ports"]}["lan"]

    with s.vital("penstockd starts"):
        gateway.start()
        # DPDK's port keeps the address that the device was made with.
        gw.ip("link", "set", "tap0", "down")
        gw.ip("link", "set", "tap0", "address", "02:00:00:00:01:02")
        gw.ip("link", "set", "tap0", "up")
        gw.address("tap0", f"{HOST}/24")
        gw.route("192.0.2.0/24", LAN)

    with s.step("traffic crosses") as faults:
        faults.expect(ping_until(peer, HOST), "the host does not answer")

    for round_ in ("once", "again"):
        with s.step(f"the link goes down ({round_})") as faults:
            gw.ip("link", "set", "tap0", "down")
            wait_for("the link is shown as down", lambda: link() == "down", 5)
            before = gateway.drops().get("port_down", 0)
            faults.expect(ping(peer, HOST, count=3) == 0, "an echo came back")
            faults.expect(gateway.drops().get("port_down", 0) > before, "no packet ended as port_down")
            faults.expect(ping(peer, WAN, count=3) == 3, "the other port does not answer")

        with s.step(f"the link comes back ({round_})") as faults:
            gw.ip("link", "set", "tap0", "up")
            gw.route("192.0.2.0/24", LAN)  # went with the link
            wait_for("the link is shown as up", lambda: link() == "up", 5)
            faults.expect(ping_until(peer, HOST), "the host does not answer any more")
            faults.expect(ping(peer, HOST, count=20, interval=0.02) == 20, "echoes were lost")

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)

    with s.step("stops") as faults:
        gateway.stop()
