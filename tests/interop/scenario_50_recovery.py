#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A peer that dies is found dead; the tunnel comes back after either end restarts, orderly or not; a
policy that traps negotiates on the first packet."""
import time

from lab.bench import wait_for
from lab.scenario import LAN_NET, PEER_INNER, PEER_NET, Scenario
from lab.strongswan import child
from lab.traffic import ping, ping_until
from lab.tunnel import configure, our_child, tunnel_lab

DEAD_WITHIN_S = 45  # dpd_delay, then every retransmission


with Scenario("recovery", needs=["swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s)
    net = our_child(LAN_NET, PEER_NET, start_action="trap", dpd_action="trap", close_action="trap")
    configure(gateway, swan, {"net": net}, {"net": child(PEER_NET, LAN_NET)}, dpd_delay="2s", keyingtries=0)
    with s.vital("both start"):
        gateway.start()
        swan.start()

    with s.step("the first packet negotiates the tunnel") as faults:
        faults.expect(not gateway.children(), "a child is there before any packet")
        ping_until(host, PEER_INNER)
        faults.expect(len(gateway.children()) == 1, "no child is installed")

    with s.step("a dead peer is found") as faults:
        swan.kill()
        wait_for("the IKE SA is given up", lambda: not gateway.children(), DEAD_WITHIN_S)
    with s.step("the tunnel returns when strongSwan does") as faults:
        swan.start()
        ping_until(host, PEER_INNER, timeout_s=40)

    with s.step("an orderly stop deletes the SAs at the peer") as faults:
        took = gateway.stop()
        faults.expect(took < 5, f"it took {took:.1f} s")
        faults.expect(swan.installed() == 0, swan.sas())
    with s.step("the tunnel returns when we do") as faults:
        gateway.start()
        ping_until(host, PEER_INNER, timeout_s=20)

    with s.step("after a crash of ours the tunnel returns, and the peer keeps no old one") as faults:
        gateway.kill()
        gateway.start()
        ping_until(host, PEER_INNER, timeout_s=20)
        wait_for("INITIAL_CONTACT removes the old SA", lambda: swan.installed() == 1, 10)

    with s.step("strongSwan stops in order, and begins again itself") as faults:
        swan.stop()
        wait_for("our side is gone too", lambda: not gateway.children(), 10)
        swan.start()
        swan.initiate("net")
        ping_until(peer, "10.1.0.2", PEER_INNER)
        faults.expect(len(gateway.children()) == 1, f"{len(gateway.children())} children")

    with s.step("silence is not taken for death") as faults:
        spi = gateway.children()[0][1]["spi_in"]
        time.sleep(7)  # three liveness checks
        faults.expect(ping(host, PEER_INNER, count=3) == 3, "the tunnel is gone")
        faults.expect(gateway.children()[0][1]["spi_in"] == spi, "the child was replaced")

    with s.step("every packet is accounted for") as faults:
        off = gateway.imbalance()
        faults.expect(off == 0, f"the counters are off by {off}")
    gateway.stop()
    swan.stop()
