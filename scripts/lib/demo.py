# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration, after everything is installed and built; started by scripts/demo."""
import pathlib
import re
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/interop"))
from lab.bench import Bench, LabError  # noqa: E402
from lab.gateway import Gateway  # noqa: E402
from lab.strongswan import StrongSwan, child, connection  # noqa: E402
from lab.traffic import iperf, ping, ping_until  # noqa: E402
from lab.wire import Capture  # noqa: E402

WAN, PEER = "192.0.2.1", "192.0.2.9"
LAN, HOST = "10.1.0.1", "10.1.0.2"
INNER = "10.2.0.1"
IKE, ESP = "aes256gcm16-prfsha384-x25519", "aes128gcm16"
SECRET = "water under the dam"
BOLD, GREEN, RED, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 4

PICTURE = f"""
  host          Penstock on DPDK                             strongSwan
  {HOST} -- {LAN} [inside|outside] {WAN} == ESP == {PEER} [ {INNER} ]
"""


def title(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def row(name, value):
    print(f"  {name:<22} {value}", flush=True)


def check(truth, text):
    """A line of what worked; LabError where it did not."""
    if not truth:
        raise LabError(text)
    print(f"  {GREEN}ok{PLAIN}  {text}", flush=True)


def topology(bench):
    host, gw, peer = (bench.namespace(role) for role in ("host", "gw", "peer"))
    bench.link(host, "h0", gw, "in0")
    bench.link(gw, "out0", peer, "p0")
    host.address("h0", f"{HOST}/24")
    host.ip("route", "add", "default", "via", LAN)
    peer.address("p0", f"{PEER}/24")
    peer.address("lo", f"{INNER}/32")
    return host, gw, peer


def gateway_of(bench, space):
    gateway = Gateway(bench, space)
    gateway.port("lan", "in0", "inside", f"{LAN}/24").port("wan", "out0", "outside", f"{WAN}/24")
    gateway.route("10.2.0.0/16", PEER, "wan")
    gateway.config["connections"]["branch"] = {
        "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [IKE],
        "local": {"auth": "psk", "id": "gateway.example"}, "remote": {"auth": "psk", "id": "branch.example"},
        "children": {"net": {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/16"], "esp_proposals": [ESP],
                             "start_action": "none"}}}
    gateway.config["secrets"]["ike-branch"] = {"id": ["branch.example"], "secret": SECRET}
    return gateway


def peer_of(bench, space):
    swan = StrongSwan(bench, space, "branch")
    swan.connections["gateway"] = connection(PEER, WAN, {"net": child("10.2.0.0/16", "10.1.0.0/24", ESP)}, ike=IKE,
                                             local_id="branch.example", remote_id="gateway.example")
    swan.psk(SECRET, "branch.example", "gateway.example")
    return swan


def negotiate(gateway, swan):
    title("IKEv2: Penstock as initiator")
    began = time.monotonic()
    gateway.cli("up", "branch/net")
    ike, sa = gateway.children()[0]
    row("took", f"{(time.monotonic() - began) * 1000:.0f} ms")
    row("authenticated (PSK)", f"{ike['local_id']} and {ike['remote_id']}")
    row("IKE SA", f"{ike['spi_i']} {ike['spi_r']}, {ike['proposal']}")
    row("ESP SAs", f"in {sa['spi_in']}, out {sa['spi_out']}, {sa['proposal']}"
        + (", in UDP" if sa["encap"] else ""))
    row("selectors", f"{', '.join(sa['local_ts'])} === {', '.join(sa['remote_ts'])}")
    there = swan.spis()
    check([sa["spi_out"][2:], sa["spi_in"][2:]] in [list(pair) for pair in there],
          f"strongSwan has the same SAs: in {there[0][0]}, out {there[0][1]}")


def traffic(host, peer):
    title("Traffic of real programs, both ways through the tunnel")
    ping_until(host, INNER)
    check(ping(host, INNER, count=10) == 10, "ping from inside: 10 of 10 echoes")
    check(ping(peer, HOST, INNER, count=10) == 10, "ping from the peer: 10 of 10 echoes")
    for name, options in (("TCP out", {}), ("TCP back", {"reverse": True}),
                          ("UDP out", {"udp": 20}), ("UDP back", {"udp": 20, "reverse": True})):
        result = iperf(host, peer, INNER, HOST, seconds=2, **options)
        lost = f", {result['lost']} of {result['packets']} datagrams lost" if "udp" in options else ""
        check(result["bytes"] > 100_000, f"iperf3 {name:<8} {result['mbps']:7.1f} Mbit/s, "
              f"{result['bytes'] / 1e6:.1f} MB{lost}")


def roles_exchanged(gateway, swan, host):
    title("And the other way round: rekeyed by Penstock, then dialled by strongSwan")
    old = gateway.children()[0][1]["spi_in"]
    gateway.cli("rekey", "branch/net")
    check(gateway.children()[-1][1]["spi_in"] != old and ping(host, INNER, count=3) == 3, "child SA rekeyed, ping goes on")
    gateway.cli("down", "branch")
    check(swan.installed() == 0, "down: strongSwan was told, and has none left")
    swan.initiate("net")
    ike, _ = gateway.children()[0]
    check(ike["role"] == "responder" and ping(host, INNER, count=3) == 3, "strongSwan dialled, ping works")


def on_the_wire(capture):
    title("On the outside wire")
    capture.stop()
    clear = capture.in_clear("10.0.0.0/8")
    packets = list(capture.esp())
    check(packets and not clear, f"{len(packets)} ESP packets, none of the inside's packets in clear")
    spi, number = packets[-1][2:4]
    mark = spi.to_bytes(4, "big") + number.to_bytes(4, "big")
    whole = next(whole for *_, whole in capture.ipv4() if mark in whole)
    print(f"  the last of them, SPI 0x{spi:08x}, sequence number {number}:")
    for at in range(0, min(len(whole), 96), 16):
        part = whole[at:at + 16]
        print(f"    {at:04x}  {part.hex(' '):<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in part)}")


def accounts(gateway):
    title("What crossed, by Penstock's own count")
    _, sa = gateway.children()[0]
    for port in gateway.show("ports")["ports"]:
        row(f"port {port['name']} ({port['side']})", f"received {port['rx_packets']}, transmitted {port['tx_packets']}")
    row("the newest SA pair", f"in {sa['packets_in']} packets, {sa['bytes_in']} octets; "
        f"out {sa['packets_out']} packets, {sa['bytes_out']} octets")
    row("drops", ", ".join(f"{name} {count}" for name, count in gateway.drops().items()) or "none")
    bad = gateway.tunnel_drops()
    check(not bad, "no drop for SPI, SA, replay, ICV or policy" + (f": {bad}" if bad else ""))
    check(gateway.imbalance() == 0, "received + injected + generated = transmitted + dropped + punted + consumed + held")


def keep(gateway, host, peer, swan):
    title("Left up (--keep)")
    print(f"""  {ROOT}/build/app/penstock --socket {gateway.socket} show sas
  ip netns exec {host.name} ping {INNER}
  ip netns exec {peer.name} ping -I {INNER} {HOST}
  swanctl --uri unix://{swan.vici} --list-sas
  the gateway's configuration: {gateway.write()}, its log: {gateway.process.log}
  Enter or Ctrl-C ends and removes it all.""", flush=True)
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass


def main():
    began = time.monotonic()
    for program in ("ip", "ethtool", "tcpdump", "iperf3", "swanctl"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing; scripts/setup --for demo installs it.")
    with Bench("demo") as bench:
        gateway = None
        try:
            print(PICTURE)
            host, gw, peer = topology(bench)
            gateway, swan = gateway_of(bench, gw), peer_of(bench, peer)
            title("Start")
            gateway.start()
            about = gateway.show_version()
            check(True, f"penstockd {about['version']} on {about['dpdk']}, ipsec-mb {about['ipsec_mb']}, two ports")
            swan.start()
            version = re.search(r"\d+\.\d+[\w.]*", swan.ctl("--version").text)
            check(version, f"strongSwan {version and version[0]}, the peer, in a namespace of its own")
            capture = Capture(peer, "p0", "outside")
            negotiate(gateway, swan)
            traffic(host, peer)
            roles_exchanged(gateway, swan, host)
            on_the_wire(capture)
            accounts(gateway)
            if "--keep" in sys.argv:
                keep(gateway, host, peer, swan)
            title("Stop")
            check(gateway.stop() < 5, "SIGTERM: deletes sent, ended by itself")
            check(swan.installed() == 0, "strongSwan has no SA left")
        except LabError as why:
            print(f"\n{RED}FAILED{PLAIN}: {why}")
            if gateway and gateway.process:
                print(f"--- the gateway's log\n{gateway.log(40)}")
            sys.exit(1)
    print(f"\n{GREEN}All of it worked{PLAIN}, in {time.monotonic() - began:.0f} s; nothing is left behind.")


main()
