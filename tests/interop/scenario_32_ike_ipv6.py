#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""IKEv2 over IPv6 with strongSwan: each end begins, children carry IPv6 and IPv4, both are rekeyed under
traffic. strongSwan's own ESP is always in UDP, so this is UDP encapsulation over IPv6 as well.

  host 2001:db8:1::2 --- penstockd 2001:db8:f::1 --- 2001:db8:f::9 strongSwan, 2001:db8:2::1 and 10.2.1.1 behind it
"""
from lab.scenario import HOST, LAN_NET, Scenario
from lab.strongswan import child
from lab.traffic import iperf, ping, ping_until
from lab.tunnel import configure, our_child, tunnel_lab
from lab.wire import Capture

LAN6, HOST6, LAN6_NET, WAN6, PEER6 = "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::/64", "2001:db8:f::1", "2001:db8:f::9"
INNER = {"six": "2001:db8:2::1", "four": "10.2.1.1"}
SOURCE = {"six": HOST6, "four": HOST}
NETS = {"six": ("2001:db8:2::/64", LAN6_NET), "four": ("10.2.1.0/24", LAN_NET)}
OURS = {name: our_child(near, far, "aes128gcm16") for name, (far, near) in NETS.items()}
THEIRS = {name: child(far, near, "aes128gcm16") for name, (far, near) in NETS.items()}


def carries(faults, host, peer, name):
    inner, source = INNER[name], SOURCE[name]
    faults.expect(ping_until(host, inner, source), f"{inner} does not answer")
    faults.expect(ping(host, inner, source, count=10, interval=0.05) == 10, f"{name}: echoes lost from inside")
    faults.expect(ping(peer, source, inner, count=10, interval=0.05) == 10, f"{name}: echoes lost from outside")
    for reverse in (False, True):  # what is under way when the sender is done is not counted
        result = iperf(host, peer, inner, source, octets=1_000_000, reverse=reverse)
        faults.expect(result["bytes"] > 100_000, f"{name}: {result}")


with Scenario("ike-ipv6", needs=["charon-systemd", "swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s, INNER["four"])
    for space, interface, address in ((host, "h0", HOST6), (peer, "p0", PEER6)):
        space.sysctl(**{"net__ipv6__conf__all__disable_ipv6": 0, f"net__ipv6__conf__{interface}__disable_ipv6": 0})
        space.ip("-6", "addr", "add", f"{address}/64", "dev", interface, "nodad")
    host.ip("-6", "route", "add", "default", "via", LAN6)
    peer.ip("-6", "addr", "add", f"{INNER['six']}/128", "dev", "lo")
    for port, address in zip(gateway.config["dataplane"]["ports"], (LAN6, WAN6)):
        port["addresses"].append(f"{address}/64")
    gateway.route("2001:db8:2::/48", PEER6, "wan")
    configure(gateway, swan, OURS, THEIRS, ends=(WAN6, PEER6))
    with s.vital("both ends start"):
        gateway.start()
        swan.start()

    capture = Capture(peer, "p0", "wire")
    with s.step("we begin: IKE over IPv6, a child for each IP version") as faults:
        for name in NETS:
            done = gateway.cli("up", f"lab/{name}", check=False)
            faults.expect(done.returncode == 0, done.text[-300:])
        for name in NETS:
            carries(faults, host, peer, name)
        rows = gateway.show("sas")["ike_sas"]
        faults.expect(len(rows) == 1 and WAN6 in rows[0]["local"] and PEER6 in rows[0]["remote"], str(rows))

    with s.step("both are rekeyed by us, and the IKE SA") as faults:
        for what in (["rekey", "lab/six"], ["rekey", "lab/four"], ["rekey", "lab", "--ike"]):
            done = gateway.cli(*what, check=False)
            faults.expect(done.returncode == 0, f"{what}: {done.text[-300:]}")
        for name in NETS:
            carries(faults, host, peer, name)

    with s.step("strongSwan begins") as faults:
        gateway.cli("down", "lab")
        for name in NETS:
            done = swan.initiate(name, check=False)
            faults.expect("completed successfully" in done.text, done.text[-300:])
        for name in NETS:
            carries(faults, host, peer, name)

    with s.step("ESP in UDP over IPv6 crossed, and nothing in clear") as faults:
        seen = capture.stop()
        clear = [*seen.in_clear("10.0.0.0/8"), *seen.in_clear("2001:db8:1::/64", "2001:db8:2::/48")]
        faults.expect(not clear, f"in clear outside: {clear[:5]}")
        crossed = [row for row in seen.esp() if WAN6 in row[:2]]
        faults.expect(len(crossed) > 1000 and {row[4] for row in crossed} == {"udp"}, f"{len(crossed)} packets")

    with s.step("every packet is accounted for") as faults:
        s.healthy(faults, gateway)

    with s.step("stops") as faults:
        gateway.stop()
