#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lifetimes that end by themselves, by time, octets and packets, at either end: the SAs are replaced under
a numbered stream and nothing is lost. A hard end without a rekey stops the traffic."""
from lab.bench import wait_for
from lab.scenario import (HOST, PEER, PEER_INNER, PSK, WAN, Scenario, standard_gateway, two_ports, with_address)
from lab.strongswan import StrongSwan, child, connection
from lab.traffic import Stream, describe, ping, ping_until

IKE = "aes128gcm16-prfsha256-x25519"
# A child each, so that each limit shows alone: local and remote network, and what limits it.
CASES = {
    "time": {"rekey_time": "3s", "life_time": "8s", "rand_time": "0s"},
    "octets": {"rekey_time": "0s", "rekey_bytes": "400K", "life_bytes": "4M"},
    "packets": {"rekey_time": "0s", "rekey_packets": "1500", "life_packets": "20000"},
}
NETS = {"time": "10.2.1.0/24", "octets": "10.2.2.0/24", "packets": "10.2.3.0/24", "hard": "10.2.4.0/24",
        "theirs": "10.2.5.0/24"}
INNER = {name: net.replace("0/24", "1") for name, net in NETS.items()}


def configure(gateway, swan):
    plain = {"local_ts": ["10.1.0.0/24"], "esp_proposals": ["aes128gcm16"], "start_action": "none"}
    children = {name: {**plain, "remote_ts": [NETS[name]], **limits} for name, limits in CASES.items()}
    children["hard"] = {**plain, "remote_ts": [NETS["hard"]], "rekey_time": "0s", "life_time": "0s",
                        "life_packets": "20"}
    children["theirs"] = {**plain, "remote_ts": [NETS["theirs"]], "rekey_time": "0s"}
    gateway.config["connections"]["lab"] = {
        "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [IKE], "rekey_time": "4s", "over_time": "10s",
        "rand_time": "0s", "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": PEER},
        "children": children}
    gateway.config["secrets"]["ike-lab"] = {"id": [PEER], "secret": PSK}
    there = {name: child(net, "10.1.0.0/24") for name, net in NETS.items()}
    there["theirs"].update(rekey_time="3s", life_time="8s", rand_time=0)
    swan.connections["lab"] = connection(PEER, WAN, there, ike=IKE)
    swan.psk(PSK, PEER, WAN)


def spi_of(gateway, name):
    found = [c["spi_in"] for _, c in gateway.children() if c["child"] == name]
    return found[0] if len(found) == 1 else None


with Scenario("lifetimes", needs=["swanctl"]) as s:
    host, gw, peer = two_ports(s)
    with_address(peer, PEER_INNER, *INNER.values())
    gateway, swan = standard_gateway(s, gw), StrongSwan(s.bench, peer)
    s.show_on_failure("log of strongSwan", lambda: swan.log(40))
    configure(gateway, swan)
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
