#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lifetimes that end by themselves, by time, octets and packets, at either end: the SAs are replaced under
a numbered stream and nothing is lost. A hard end without a rekey stops the traffic."""
from lab.bench import wait_for
from lab.scenario import HOST, LAN_NET, PEER_INNER, Scenario
from lab.strongswan import child
from lab.traffic import Stream, describe, ping, ping_until
from lab.tunnel import configure, our_child, tunnel_lab

# A child each, so that each limit shows alone: local and remote network, and what limits it.
CASES = {
    "time": {"rekey_time": "3s", "life_time": "8s", "rand_time": "0s"},
    "octets": {"rekey_time": "0s", "rekey_bytes": "400K", "life_bytes": "4M"},
    "packets": {"rekey_time": "0s", "rekey_packets": "1500", "life_packets": "20000"},
}
NETS = {"time": "10.2.1.0/24", "octets": "10.2.2.0/24", "packets": "10.2.3.0/24", "hard": "10.2.4.0/24",
        "theirs": "10.2.5.0/24"}
INNER = {name: net.replace("0/24", "1") for name, net in NETS.items()}


OURS = {name: our_child(LAN_NET, NETS[name], **limits) for name, limits in CASES.items()}
OURS["hard"] = our_child(LAN_NET, NETS["hard"], life_time="0s", life_packets="20")
OURS["theirs"] = our_child(LAN_NET, NETS["theirs"])
THEIRS = {name: child(net, LAN_NET) for name, net in NETS.items()}
THEIRS["theirs"].update(rekey_time="3s", life_time="8s", rand_time=0)


def spi_of(gateway, name):
    found = [c["spi_in"] for _, c in gateway.children() if c["child"] == name]
    return found[0] if len(found) == 1 else None


with Scenario("lifetimes", needs=["swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s, PEER_INNER, *INNER.values())
    configure(gateway, swan, OURS, THEIRS, rekey_time="4s", over_time="10s", rand_time="0s")
    with s.vital("the tunnels are up"):
        gateway.start()
        swan.start()
        for name in NETS:
            gateway.cli("up", f"lab/{name}")
        ping_until(host, INNER["time"])
    before, seen = gateway.drops(), {name: set() for name in NETS}
    ike_seen = set()
    streams = {name: Stream(host, peer, INNER[name], HOST, port=7100 + n, rate=500, seconds=60)
               for n, name in enumerate([*CASES, "theirs"])}

    def look():
        for _, c in gateway.children():
            seen[c["child"]].add(c["spi_in"])
        ike_seen.update(sa["spi_i"] for sa in gateway.show("sas")["ike_sas"])
        return all(len(seen[name]) >= 4 for name in streams) and len(ike_seen) >= 3

    with s.step("three rekeys by each limit, and two of the IKE SA by time") as faults:
        try:
            wait_for("the rekeys", look, 40, pause_s=0.2)
        finally:
            counted = {name: len(seen[name]) - 1 for name in streams}
            faults.note(f"{counted}, IKE {len(ike_seen) - 1}")
    with s.step("nothing was lost meanwhile") as faults:
        for name, stream in streams.items():
            result = stream.finish()
            faults.expect(result["missing"] - result["kernel_lost"] <= 0 and not result["double"],
                          f"{name}: {describe(result)}, missing e.g. {result['first_missing']}")
    with s.step("no drop for SPI, SA, replay, ICV or policy; the counters balance") as faults:
        s.healthy(faults, gateway, before)
    with s.step("the hard end of a lifetime stops the SA") as faults:
        first = spi_of(gateway, "hard")
        ping(host, INNER["hard"], count=40, interval=0.02)
        wait_for("the SA is gone", lambda: spi_of(gateway, "hard") != first, 5)
    gateway.stop()
    swan.stop()
