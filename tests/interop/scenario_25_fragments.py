#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What does not fit: packets cut before or after they are sealed, and ESP fragments put together before
they are opened, against a Linux kernel. The ports are TAP devices: net_af_packet lets its kernel put
fragments together, and would hide what is tested here.
"""
from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN, LAN_NET, PEER, PEER_NET, WAN, Scenario, two_ports
from lab.suites import tunnels
from lab.traffic import ping
from lab.wire import Capture

WORDS = ["aes128gcm16", "aes256-sha256"]
TUNNELS = tunnels(WAN, PEER, LAN_NET, WORDS)
SIZES = (1400, 1440, 1472, 1700)


def inner(tunnel):
    return tunnel.right_net.replace("0/24", "1")


def bridge(space, name, tap, veth, mac):
    """Joins a TAP device and a veth end. DPDK's port keeps the address that the device was made with; the
    device itself gets another one, or the bridge would keep what is for the port."""
    space.ip("link", "add", name, "type", "bridge", "forward_delay", "0")
    space.ip("link", "set", tap, "address", mac)
    for interface in (tap, veth):
        space.ip("link", "set", interface, "master", name)
        space.ip("link", "set", interface, "up")
    space.ip("link", "set", name, "up")


with Scenario("fragments", needs=["linux.uml"]) as s:
    host, gw, peer = two_ports(s)
    gateway = s.gateway(gw)
    gateway.port("lan", "tap0", "inside", f"{LAN}/24", driver="net_tap")
    gateway.port("wan", "tap1", "outside", f"{WAN}/24", driver="net_tap").route(PEER_NET, PEER, "wan")
    gateway.config["manual_sas"] = [row for t in TUNNELS for row in t.manual_sas()]
    with s.vital("penstockd starts on TAP devices"):
        gateway.start()
        for number, (tap, veth) in enumerate((("tap0", "in0"), ("tap1", "out0"))):
            bridge(gw, f"br{number}", tap, veth, f"02:00:00:00:01:{number:02x}")
        guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{inner(t)}/32" for t in TUNNELS]])
        script = " &&\n".join(t.flipped().ip_xfrm() for t in TUNNELS)
        guest.run(f"{script} && ip route add {LAN_NET} via {WAN}")
        wait_for("the guest is reached", lambda: ping(host, inner(TUNNELS[0]), count=1), 10)

    capture = Capture(peer, "p0", "fragments")
    for tunnel in TUNNELS:
        with s.step(f"{tunnel.word}: fragments from inside, and whole packets that do not fit") as faults:
            for size in SIZES:
                n = ping(host, inner(tunnel), count=3, size=size, more=("-M", "dont"))
                faults.expect(n == 3, f"{size} octets: {n} of 3 echoes")
        with s.step(f"{tunnel.word}: the kernel cuts what it has sealed") as faults:
            for size in SIZES:
                n = guest.ping(HOST, inner(tunnel), count=3, size=size)
                faults.expect(n == 3, f"{size} octets: {n} of 3 echoes")
    with s.step("ESP crossed in fragments, and nothing in clear") as faults:
        capture.stop()
        cut = sum(1 for _, _, protocol, _, whole in capture.ipv4()
                  if protocol == 50 and int.from_bytes(whole[6:8], "big") & 0x3FFF)
        faults.expect(cut > 20, f"only {cut} fragments of ESP were seen")
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
        faults.note(f"{cut} fragments")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
        faults.expect(gateway.show("counters")["counters"]["consumed"] > 20, "no fragments were merged")
    with s.step("what is more than one buffer holds is dropped by its name") as faults:
        before = gateway.drops()
        guest.ping(HOST, inner(TUNNELS[0]), count=2, size=8000)
        faults.expect(gateway.drops().get("fragment_too_long", 0) > before.get("fragment_too_long", 0),
                      f"drops: {gateway.drops()}")
    guest.stop()
    gateway.stop()
