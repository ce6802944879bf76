# SPDX-License-Identifier: BSD-3-Clause
"""The programs that carry the packets: penstockd, our source and sink alone, and DPDK's ipsec-secgw
where the user has one. Each has the same two ports: 0 inside, 1 outside."""
import os

from tests.bench.lab import frames
from tests.bench.lab.measure import Program, cpus
from tests.interop.lab.gateway import libconfig

PACKETS_SPARE = 16384
INSIDE, OUTSIDE = 0, 1


def devices(direction, files):
    """net_pcap replays a file from memory for ever and forgets what it is given, net_null only
    forgets. @return the devices of ports 0 and 1, and which is source and which sink"""
    def source(port):
        return f"net_pcap{port},rx_pcap={files[port]},infinite_rx=1"

    if direction == "both":
        return [source(0), source(1)], 0, 1
    if direction == "out":
        return [source(0), "net_null1,no-rx=1"], 0, 1
    return ["net_null0,no-rx=1", source(1)], 1, 0


def memory_mib(packets, sas):
    return 192 + (packets + PACKETS_SPARE) * 2560 // 2**20 + sas * 12 // 1024


def eal(megabytes):
    return ["--in-memory", "--no-pci", "-m", str(megabytes)]


class Setup:
    """What one point of a benchmark has: SAs, files, and where programs may leave things."""

    def __init__(self, directory, build, suite, sas, direction, size, replay_window=0):
        self.directory, self.build, self.suite = directory, build, suite
        self.direction, self.size, self.replay_window = direction, size, replay_window
        self.sas = [frames.Sa(i, suite) for i in range(sas)]
        self.files, self.packets = {}, 0
        for port, inbound in ((INSIDE, False), (OUTSIDE, True)):
            if direction != ("out" if inbound else "in"):
                self.files[port] = directory / f"{'esp' if inbound else 'clear'}.pcap"
                self.packets += frames.write_capture(
                    self.files[port], frames.packets(self.sas, size, inbound), len(self.files) - 1)
        self.devices, self.source, self.sink = devices(direction, self.files)
        self.megabytes = memory_mib(self.packets, sas)
        self.prefix = f"bench{os.getpid()}"

    def prefix_of(self, name):
        return f"{self.prefix}{name}"

    def start(self, name, words, **rest):
        rest = {"source": self.source, "sink": self.sink, "both": self.direction == "both", **rest}
        return Program(name, words, self.prefix_of(name), self.directory / f"{name}.log", **rest)


def manual_sa(setup, sa, inbound):
    key, auth = sa.keys(inbound)
    row = {"name": f"s{sa.index}", "direction": "in" if inbound else "out",
           "spi": f"0x{sa.spi(inbound):x}", "local": frames.OUR_OUTER, "remote": frames.PEER_OUTER,
           "proposal": setup.suite, "enc_key": key.hex(), "local_ts": [frames.OUR_NET],
           "remote_ts": [sa.behind + "/32"]}
    if auth:
        row["auth_key"] = auth.hex()
    if inbound:
        row["replay_window"] = setup.replay_window
    return row


def penstockd(setup):
    control, worker = cpus()
    inside, outside = setup.devices
    count = len(setup.sas)
    config = {
        "control": {"socket": str(setup.directory / "penstock.sock"), "log_level": "warning"},
        "dataplane": {
            "eal": eal(setup.megabytes), "file_prefix": setup.prefix_of("penstock"),
            "control_cpu": control, "workers": [worker], "idle": "poll",
            "ports": [{"name": "in0", "device": inside, "side": "inside",
                       "addresses": ["10.1.0.1/16"]},
                      {"name": "out0", "device": outside, "side": "outside",
                       "addresses": [frames.OUR_OUTER + "/24"]}],
            "neighbors": [
                {"port": "out0", "address": frames.PEER_OUTER, "mac": "02:00:00:00:00:09"},
                {"port": "in0", "address": frames.SOURCE, "mac": "02:00:00:00:01:09"}],
            "routes": [{"to": "10.128.0.0/9", "via": frames.PEER_OUTER, "port": "out0"}],
            "limits": {"packets": setup.packets + PACKETS_SPARE, "sas": max(256, 2 * count),
                       "policies": max(64, count + 64)}},
        "manual_sas": [manual_sa(setup, sa, inbound) for sa in setup.sas for inbound in (False, True)]}
    path = setup.directory / "penstock.conf"
    path.touch(mode=0o600)
    path.write_text("".join(f"{key} = {libconfig(value)};\n" for key, value in config.items()))
    return setup.start("penstock", [setup.build / "app/penstockd", "--config", path],
                       worker=("lcore-worker", "rte-worker"))


def sources_and_sinks(setup):
    """One for each source of the setup."""
    _, worker = cpus()
    for port in setup.files:
        name = f"io{port}"
        yield setup.start(name, [setup.build / "tests/bench/bench_io", setup.prefix_of(name), worker,
                                 setup.devices[port].replace("net_pcap1", "net_pcap0"),
                                 "net_null1,no-rx=1", setup.packets + PACKETS_SPARE, *eal(setup.megabytes)],
                          source=0, sink=1, both=False)


SECGW_ALGORITHMS = {
    "aes128gcm16": "aead_algo aes-128-gcm aead_key {key}",
    "aes256gcm16": "aead_algo aes-256-gcm aead_key {key}",
    "aes128-sha256": "cipher_algo aes-128-cbc cipher_key {key} auth_algo sha256-hmac auth_key {auth}",
    "aes256-sha256": "cipher_algo aes-256-cbc cipher_key {key} auth_algo sha256-hmac auth_key {auth}",
}


def secgw_can(setup):
    return setup.suite in SECGW_ALGORITHMS and setup.direction != "both"


def secgw_rules(setup, mode):
    def colons(octets):
        return ":".join(f"{octet:02x}" for octet in octets)

    yield "neigh port 0 02:00:00:00:01:09"
    yield "neigh port 1 02:00:00:00:00:09"
    yield f"rt ipv4 dst {frames.PEER_OUTER}/32 port 1"
    yield "rt ipv4 dst 10.128.0.0/9 port 1"
    yield "rt ipv4 dst 10.1.0.0/16 port 0"
    for sa in setup.sas:
        for inbound in (False, True):
            way, ends = ("in", (frames.PEER_OUTER, frames.OUR_OUTER)) if inbound else \
                ("out", (frames.OUR_OUTER, frames.PEER_OUTER))
            address = "src" if inbound else "dst"
            yield (f"sp ipv4 {way} esp protect {sa.spi(inbound)} pri 1 {address} {sa.behind}/32 "
                   "sport 0:65535 dport 0:65535")
            key, auth = (colons(octets) for octets in sa.keys(inbound))
            algorithm = SECGW_ALGORITHMS[setup.suite].format(key=key, auth=auth)
            yield (f"sa {way} {sa.spi(inbound)} {algorithm} mode ipv4-tunnel src {ends[0]} dst {ends[1]}"
                   + (" type cpu-crypto" if mode == "cpu-crypto" else ""))


def ipsec_secgw(setup, binary, mode):
    """mode: "cpu-crypto" (its library mode, synchronous) or "lookaside"."""
    _, worker = cpus()
    path = setup.directory / f"secgw-{mode}.cfg"
    path.write_text("\n".join(secgw_rules(setup, mode)) + "\n")
    crypto = "crypto_aesni_gcm0" if "gcm" in setup.suite else "crypto_aesni_mb0"
    name = f"ipsec-secgw-{mode}"
    words = [binary, "-l", worker, *eal(setup.megabytes + 256), "--file-prefix", setup.prefix_of(name)]
    for device in (*setup.devices, crypto):
        words += ["--vdev", device]
    # Packet types are read in software on the first queue of this list only.
    queues = f"({setup.source},0,{worker}),({setup.sink},0,{worker})"
    words += ["--", "-p", "0x3", "-P", "-u", "0x2", "--config", queues,
              "-s", setup.packets + PACKETS_SPARE, "-f", path, "-l"]
    return setup.start(name, words)
