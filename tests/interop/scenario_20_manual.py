#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels keyed by hand, raw ESP: every cipher against scapy, a Linux kernel, and another Penstock, whose
engine is cryptodev.

Each cipher has a tunnel of its own to a network of its own behind the peer, 10.2.N.0/24, so one start of
the gateway serves all of them.
"""
import json
import pathlib
import re

from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN_NET, PEER, WAN, Scenario, standard_gateway, two_ports
from lab.suites import SUITES, tunnels
from lab.traffic import ping
from lab.wire import Capture

EXTENDED = ["aes128gcm16-esn", "aes256gcm16-esn", "aes256gcm8-esn", "aes256-sha256-esn", "aes128-sha1-esn",
            "chacha20poly1305-esn", "null-sha512-esn"]
WORDS = list(SUITES) + EXTENDED
TUNNELS = tunnels(WAN, PEER, LAN_NET, WORDS)
COUNT = 3
SCAPY = pathlib.Path(__file__).with_name("lab") / "scapy_peer.py"


def inner(tunnel):
    return tunnel.right_net.replace("0/24", "1")


def ping_each(space, source=None):
    """{word: echoes answered} through each tunnel; scapy may take its time."""
    return {t.word: ping(space, inner(t), source, count=COUNT, interval=0.05, wait=5) for t in TUNNELS}


def judge(faults, answered):
    faults += [f"{word}: {n} of {COUNT} echoes" for word, n in answered.items() if n != COUNT]
    faults.note(f"{len(answered)} ciphers")


def judge_wire(faults, *captures):
    """What crossed is ESP of the right SPIs, and nothing of the inside."""
    clear = [row for capture in captures for row in capture.in_clear("10.0.0.0/8")]
    faults.expect(not clear, f"in clear outside: {clear[:5]}")
    spis = {spi for capture in captures for _, _, spi, _, how in capture.esp() if how == "esp"}
    missing = [t.word for t in TUNNELS if not {t.spi_left, t.spi_right} <= spis]
    faults.expect(not missing, f"no raw ESP seen for {missing}")


def against_scapy(s, gw, host, peer):
    plan = {"interface": "p0", "left": PEER, "right": WAN, "pings": COUNT, "seconds": 40, "tunnels": [
        {"word": t.word, "spi_left": t.spi_right, "spi_right": t.spi_left, "left_net": t.right_net,
         "right_net": t.left_net, "left_inner": inner(t), "right_inner": HOST} for t in TUNNELS]}
    path = s.bench.directory / "plan.json"
    path.write_text(json.dumps(plan))
    capture = Capture(peer, "p0", "scapy")
    scapy = peer.start("/usr/bin/python3", SCAPY, path, log="scapy.log")
    wait_for("scapy is ready", lambda: "ready" in scapy.log.read_text(), 20)
    answered = ping_each(host)
    scapy.wait(60)
    told = json.loads(scapy.log.read_text().splitlines()[-1])

    with s.step("scapy opens what we seal, and we what it seals") as faults:
        judge(faults, answered)
        faults.expect(told.pop("clear") == 0, "scapy saw packets in clear")
        faults.expect(told.pop("unknown", 0) == 0, "scapy saw unknown SPIs")
        for word, row in told.items():
            if row["refused"] or min(row["verified"], row["answered"], row["replies"]) < COUNT:
                faults.append(f"{word}: {row}")
    with s.step("nothing in clear towards scapy") as faults:
        judge_wire(faults, capture.stop())


def big_packets(s, host):
    """What does not fit after encapsulation, through the first GCM tunnel."""
    far = inner(next(t for t in TUNNELS if t.word == "aes128gcm16"))
    with s.step("too big with DF: ICMP fragmentation needed, with the MTU of the tunnel") as faults:
        text = host.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1472", far, check=False).text
        # 1500 - 20 outer header - 8 ESP - 8 IV - 16 ICV - 2 trailer = 1446, less what alignment costs.
        found = re.search(r"mtu ?=? ?(\d+)", text)
        if faults.expect(found and 1438 <= int(found[1]) <= 1446, f"no ICMP of the right MTU:\n{text}"):
            mtu = int(found[1])
            host.ip("route", "flush", "cache")
            faults.expect(ping(host, far, count=3, size=mtu - 28, more=("-M", "do")) == 3, f"{mtu} does not fit")
            faults.note(f"MTU {mtu}")


def against_kernel(s, gateway, host, peer):
    guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{inner(t)}/32" for t in TUNNELS]])
    script = " &&\n".join(t.flipped().ip_xfrm() for t in TUNNELS)
    guest.run(f"{script} && ip route add {LAN_NET} via {WAN}")
    capture = Capture(peer, "p0", "kernel")
    with s.step("a Linux kernel and we, raw ESP with and without ESN") as faults:
        wait_for("the guest is reached", lambda: ping(host, inner(TUNNELS[0]), count=1), 10)
        judge(faults, ping_each(host))
    with s.step("the kernel begins") as faults:
        script = "; ".join(f"echo {t.word} $(ping -n -c {COUNT} -i 0.05 -W 1 -I {inner(t)} {HOST} | "
                           "grep -o '[0-9]* received')" for t in TUNNELS)
        rows = [row.split() for row in guest.run(script).text.splitlines()]
        judge(faults, {row[0]: int(row[1]) for row in rows if len(row) == 3})
        faults.expect(len(rows) == len(TUNNELS), f"{rows}")
    big_packets(s, host)
    with s.step("nothing in clear towards the kernel") as faults:
        judge_wire(faults, capture.stop())
    with s.step("the kernel refused nothing") as faults:
        errors = guest.run("cat /proc/net/xfrm_stat | grep -v ' *0$'", check=False).text.split("\n")
        faults += [e for e in errors if "XfrmIn" in e and "NoPols" not in e]
    guest.stop()


def against_itself(s, gateway):
    """host -- gw -- far -- end, both gateways ours, on a wire of their own."""
    far, end = s.bench.namespace("far"), s.bench.namespace("end")
    gw = gateway.space
    gateway.stop()
    gw.ip("link", "del", "out0")
    s.bench.link(gw, "out0", far, "out0")
    s.bench.link(far, "in0", end, "e0")
    end.address("e0", "10.2.0.9/16")
    for tunnel in TUNNELS:
        end.address("e0", f"{inner(tunnel)}/32")
    end.ip("route", "add", "default", "via", "10.2.255.1")
    other = s.gateway(far, "far")
    other.port("lan", "in0", "inside", "10.2.255.1/16").port("wan", "out0", "outside", f"{PEER}/24")
    other.route(LAN_NET, WAN, "wan")
    # The engine that QAT takes, on software devices; what they lack goes by the CPU.
    other.config["dataplane"]["crypto"] = {"engine": "cryptodev", "devices": ["crypto_openssl0", "crypto_aesni_mb0"]}
    other.config["manual_sas"] = [row for t in TUNNELS for row in t.flipped().manual_sas()]
    with s.step("two Penstocks start"):
        other.start()
        gateway.start()
    # What DPDK transmits passes the capture of its own interface by: each end shows what it receives.
    captures = [Capture(gw, "out0", "near"), Capture(far, "out0", "far")]
    host = s.bench.namespace("host")
    with s.step("two Penstocks against each other, ipsec-mb and cryptodev") as faults:
        wait_for("the far end is reached", lambda: ping(host, inner(TUNNELS[0]), count=1), 10)
        judge(faults, ping_each(host))
    with s.step("nothing in clear between two Penstocks") as faults:
        judge_wire(faults, *[capture.stop() for capture in captures])
    with s.step("both ends are healthy") as faults:
        s.healthy(faults, gateway)
        s.healthy(faults, other)
    other.stop()
    gateway.stop()


with Scenario("manual", needs=["linux.uml"]) as s:
    host, gw, peer = two_ports(s)
    gateway = standard_gateway(s, gw)
    gateway.config["manual_sas"] = [row for t in TUNNELS for row in t.manual_sas()]
    with s.vital("penstockd starts with manual_sas"):
        gateway.start()
    against_scapy(s, gateway, host, peer)
    with s.step("healthy after scapy") as faults:
        s.healthy(faults, gateway)
        rows = gateway.show("sas")["manual_sas"]
        faults.expect(len(rows) == 2 * len(TUNNELS), f"{len(rows)} manual SAs are shown, not {2 * len(TUNNELS)}")
        idle = [r["name"] + " " + r["direction"] for r in rows if r["packets"] < 2 * COUNT]
        faults.expect(not idle, f"too few packets counted by {idle}")
    # A fresh start: the kernel's numbers begin at 1 again, which our windows would call replayed.
    gateway.stop()
    with s.vital("penstockd starts again"):
        gateway.start()
    against_kernel(s, gateway, host, peer)
    with s.step("healthy after the kernel") as faults:
        s.healthy(faults, gateway)
    against_itself(s, gateway)
