# SPDX-License-Identifier: BSD-3-Clause
"""Fairness to the control plane: a penstockd whose worker has more packets than it can carry, from two ports that
replay files for ever, sets up IKE SAs with another one over a third port. How long does each take?"""
import itertools
import json
import os
import random
import socket
import statistics
import struct
import time

from tests.bench.lab import frames, programs
from tests.bench.lab.measure import BenchError, Program, cpus
from tests.bench.lab.point import workplace
from tests.interop.lab.gateway import libconfig

COLUMNS = (("load", "load", "s"), ("setups", "setups", "d"), ("median_ms", "median ms", ".1f"),
           ("most_ms", "most ms", ".1f"), ("failed", "failed", "d"), ("late", "late", "d"),
           ("mpps_received", "Mpps", ".2f"), ("mpps_transmitted", "Mpps out", ".2f"), ("empty_polls", "idle", ".1%"))
NOTE = ("Milliseconds until an IKE SA and its child are installed (PSK, X25519), each end as initiator by turns, "
        "while one worker of one end has more packets than it can carry; late: more than a second.")
LOADS = ("none", "esp", "garbage", "ike")
TOLD_ONLY = ("ike",)  # first messages at line rate crowd out a stranger's: a limit of its own, not of the worker
SETUPS = 20
MOST_S = 1.0
TIMEOUT_S = 10
PSK = "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
OUR_IKE, PEER_IKE = "198.51.100.1", "198.51.100.2"
LINK_MAC = {OUR_IKE: "02:00:00:00:02:01", PEER_IKE: "02:00:00:00:02:02"}
FRAMES = 256


def udp(source, destination, port, payload):
    return frames.ipv4(source, destination, 17, struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload)


def fragment(packet, offset):
    """The packet's header, as that of a piece in the middle; offset in units of 8 octets."""
    head = packet[:6] + struct.pack("!H", 0x2000 | offset) + packet[8:10] + bytes(2) + packet[12:20]
    return head[:10] + struct.pack("!H", frames.checksum(head)) + head[12:] + packet[20:20 + (len(packet) - 20) // 8 * 8]


def esp(sa):
    """The peer's ESP under a good SA."""
    for flow in range(FRAMES):
        yield frames.sealed(sa, frames.inner(sa, 64, flow % frames.FLOWS_OF_ONE_SA, towards_us=True), flow + 1)


def garbage(sa):
    """Unknown SPIs, wrong ICVs, ESP that is too short, ESP in UDP of nobody, fragments that never end, and
    headers whose octets are random."""
    rng = random.Random(1)
    good = frames.sealed(sa, frames.inner(sa, 64, 0, towards_us=True))
    ours = frames.PEER_OUTER, frames.OUR_OUTER
    kinds = (lambda: frames.ipv4(*ours, 50, rng.randbytes(80)),
             lambda: good[:-4] + rng.randbytes(4),
             lambda: frames.ipv4(*ours, 50, struct.pack("!I", sa.spi(True)) + rng.randbytes(6)),
             lambda: udp(*ours, 4500, rng.randbytes(80)),
             lambda: fragment(good, rng.randrange(1, 185)),
             lambda: bytes([0x45]) + rng.randbytes(99))
    for kind in itertools.islice(itertools.cycle(kinds), FRAMES):
        yield kind()


def first_messages(_):
    """What begins like IKE_SA_INIT (RFC 7296 §3.1), from everywhere, and is random behind the header."""
    rng = random.Random(2)
    for _ in range(FRAMES):
        rest = rng.randbytes(200)
        header = rng.randbytes(8) + bytes(8) + struct.pack("!BBBBII", 33, 0x20, 34, 0x08, 0, 28 + len(rest))
        source = socket.inet_ntoa(struct.pack("!I", 0xCB007100 + rng.randrange(256)))  # 203.0.113.0/24
        yield udp(source, frames.OUR_OUTER, 500, header + rest)


OUTSIDE = {"esp": esp, "garbage": garbage, "ike": first_messages}


class Daemon:
    """A penstockd and its control socket."""

    def __init__(self, directory, build, name, config, worker_cpu):
        control, _ = cpus()
        self.name, self.socket = name, str(directory / f"{name}.sock")
        prefix = f"bench{os.getpid()}{name}"
        config = {**config, "control": {"socket": self.socket, "log_level": "warning"}}
        config["dataplane"] = {"eal": programs.eal(160), "file_prefix": prefix, "control_cpu": control,
                               "workers": [worker_cpu], **config["dataplane"]}
        path = directory / f"{name}.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key} = {libconfig(value)};\n" for key, value in config.items()))
        self.program = Program(name, [build / "app/penstockd", "--config", path], prefix,
                               directory / f"{name}.log", 0, 0, False)
        self._numbers = itertools.count(1)

    def ask(self, command, **args):
        """@return (status, the parts and values that came)"""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(3 * TIMEOUT_S)
            client.connect(self.socket)
            request = {"id": next(self._numbers), "command": command, "args": args}
            client.sendall(json.dumps(request).encode() + b"\n")
            values = {}
            for line in client.makefile():
                answer = json.loads(line)
                values.update(answer.get("value") or {})
                values.setdefault("rows", []).extend(answer.get("part") or [])
                if answer.get("done"):
                    return answer["status"], values
        raise BenchError(f"{self.name} closed its socket")

    def wait(self):
        end = time.monotonic() + 60
        while True:
            try:
                if self.ask("version")[0] == 0:
                    return self
            except (OSError, ValueError):
                pass
            if self.program.process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"{self.name}: {self.program.log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)

    def worker(self):
        """Counters of its worker."""
        return self.ask("show", topic="workers")[1]["rows"][0]


def connection(ours, theirs):
    return {"connections": {"lab": {
        "local_addrs": [ours], "remote_addrs": [theirs], "proposals": ["aes128gcm16-prfsha256-x25519"],
        "rekey_time": "0s", "keyingtries": 1, "local": {"auth": "psk", "id": ours},
        "remote": {"auth": "psk", "id": theirs}, "children": {"net": {
            "local_ts": [f"{ours}/32"], "remote_ts": [f"{theirs}/32"], "esp_proposals": ["aes128gcm16"],
            "rekey_time": "0s", "start_action": "none"}}}},
            "secrets": {"ike-lab": {"id": [theirs], "secret": PSK}}}


def link(directory, role, address):
    number = {OUR_IKE: 0, PEER_IKE: 1}[address]
    return {"name": "link", "side": "outside", "addresses": [f"{address}/24"],
            "device": f"net_memif{number},role={role},socket={directory}/link,socket-abstract=no,mac={LINK_MAC[address]}"}


def neighbor(address, port="link"):
    return {"port": port, "address": address, "mac": LINK_MAC[address]}


def loaded(directory, build, load):
    """The end that is measured: `in0` has packets to seal, `flood` what the load says."""
    sa = frames.Sa(0, "aes128gcm16")
    ports = [link(directory, "server", OUR_IKE),
             {"name": "out0", "device": "net_null0,no-rx=1", "side": "outside", "addresses": [f"{frames.OUR_OUTER}/24"]}]
    if load != "none":
        frames.write_capture(directory / "clear.pcap", frames.packets([sa], 64, False), 0)
        frames.write_capture(directory / "flood.pcap", OUTSIDE[load](sa), 1)
        for number, (name, file, side, address) in enumerate(
                (("in0", "clear", "inside", "10.1.0.1/16"), ("flood", "flood", "outside", "192.0.3.1/24"))):
            ports.append({"name": name, "side": side, "addresses": [address],
                          "device": f"net_pcap{number},rx_pcap={directory}/{file}.pcap,infinite_rx=1"})
    neighbors = [neighbor(PEER_IKE), {"port": "out0", "address": frames.PEER_OUTER, "mac": "02:00:00:00:00:09"}]
    if load != "none":
        neighbors.append({"port": "in0", "address": frames.SOURCE, "mac": "02:00:00:00:01:09"})

    def manual(inbound):
        row = {"name": "s", "direction": "in" if inbound else "out", "spi": f"0x{sa.spi(inbound):x}",
               "local": frames.OUR_OUTER, "remote": frames.PEER_OUTER, "proposal": sa.suite,
               "enc_key": sa.keys(inbound)[0].hex(), "local_ts": [frames.OUR_NET], "remote_ts": [f"{sa.behind}/32"]}
        return {**row, "replay_window": 0} if inbound else row

    config = {"dataplane": {"idle": "poll", "ports": ports, "neighbors": neighbors,
                            "routes": [{"to": "10.128.0.0/9", "via": frames.PEER_OUTER, "port": "out0"}]},
              "manual_sas": [manual(False), manual(True)], **connection(OUR_IKE, PEER_IKE)}
    return Daemon(directory, build, "loaded", config, cpus()[1])


def peer(directory, build):
    config = {"dataplane": {"idle": "sleep", "ports": [link(directory, "client", PEER_IKE)],
                            "neighbors": [neighbor(OUR_IKE)]}, **connection(PEER_IKE, OUR_IKE)}
    return Daemon(directory, build, "peer", config, cpus()[0])


def set_up(initiator):
    """@return seconds, or None if it failed"""
    begin = time.monotonic()
    status, _ = initiator.ask("up", connection="lab", timeout_s=TIMEOUT_S)
    took = time.monotonic() - begin
    if status:
        return None
    initiator.ask("down", connection="lab", timeout_s=TIMEOUT_S)
    return took


def summary(load, times, before, after, seconds):
    """A row. times: seconds, None where it failed; before, after: the loaded end's worker."""
    done = sorted(took for took in times if took is not None)
    if not done:
        raise BenchError(f"{load}: no IKE SA came about")
    moved = {name: after[name] - before[name] for name in ("received", "transmitted", "polls", "empty_polls")}
    return {"case": "fairness", "program": "penstock", "load": load, "setups": len(times),
            "failed": len(times) - len(done), "late": sum(took > MOST_S for took in done),
            "median_ms": round(1e3 * statistics.median(done), 2), "most_ms": round(1e3 * done[-1], 2),
            "mpps_received": round(moved["received"] / seconds / 1e6, 3),
            "mpps_transmitted": round(moved["transmitted"] / seconds / 1e6, 3),
            "empty_polls": round(moved["empty_polls"] / max(moved["polls"], 1), 4)}


def under(options, load):
    with workplace() as directory:
        ends = []

        try:
            ends.append(loaded(directory, options.build, load).wait())
            ends.append(peer(directory, options.build).wait())
            time.sleep(1)
            before, begin = ends[0].worker(), time.monotonic()
            times = [set_up(ends[number % 2]) for number in range(SETUPS)]
            after, end = ends[0].worker(), time.monotonic()
        finally:
            for daemon in ends:
                daemon.program.stop()
        return {**summary(load, times, before, after, end - begin), "build": options.flavour}


def rows(options):
    for load in LOADS:
        try:
            row = under(options, load)
        except (BenchError, OSError) as error:
            yield BenchError(f"{load}: {error}")
            continue
        yield row
        if load not in TOLD_ONLY and (row["failed"] or row["late"]):
            yield BenchError(f"{load}: {row['failed']} of {row['setups']} setups failed, "
                             f"{row['late']} took longer than a second")
