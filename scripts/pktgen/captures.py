#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the two captures that configs/bench.conf names: clear.pcap (inner packets for in0) and esp.pcap
(the peer's ESP under the inbound SA "a", for out0).

    scripts/pktgen/captures.py [--octets N] [--in0-mac MAC] [--out0-mac MAC] [DIRECTORY]

The MACs are those of the gateway's ports; by default those that net_pcap gives itself. DIRECTORY is where
penstockd or Pktgen is started, by default the current one. Needs python3-cryptography.
"""
import argparse
import ipaddress
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# pylint: disable=wrong-import-position
from tests.bench.lab import frames  # noqa: E402

CONFIG = ROOT / "configs/bench.conf"
PACKETS = 64


class BenchSa(frames.Sa):
    """The inbound SA of the configuration, as its peer has it; `behind` is an address there."""

    def __init__(self, config, host):
        super().__init__(0, "aes128gcm16")
        rows = [row for row in re.findall(r"\{[^{}]*\}", config) if 'direction = "in"' in row]
        (row,) = rows

        def value(name):
            return re.search(rf'\b{name} = \[?"([^"]*)"', row)[1]

        self._spi, self._key = int(value("spi"), 0), bytes.fromhex(value("enc_key"))
        self.ends = value("remote"), value("local")
        if value("proposal") != self.suite or self.ends != (frames.PEER_OUTER, frames.OUR_OUTER):
            raise SystemExit(f"{CONFIG}: not the SA that this script knows")
        self.behind = str(ipaddress.ip_network(value("remote_ts"))[host])

    def spi(self, inbound):
        return self._spi

    def keys(self, inbound):
        return self._key, b""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=pathlib.Path, default=pathlib.Path())
    parser.add_argument("--octets", type=int, default=64, help="of the inner packet, 46 to 1446")
    parser.add_argument("--in0-mac", default=frames.PCAP_MAC.format(0))
    parser.add_argument("--out0-mac", default=frames.PCAP_MAC.format(1))
    chosen = parser.parse_args()
    if not 46 <= chosen.octets <= 1446:
        parser.error("--octets must be 46 to 1446")
    in0, out0 = (bytes.fromhex(mac.replace(":", "")) for mac in (chosen.in0_mac, chosen.out0_mac))
    config = CONFIG.read_text()
    sas = [BenchSa(config, host) for host in range(1, PACKETS + 1)]
    clear = (frames.inner(sa, chosen.octets, flow) for flow, sa in enumerate(sas))
    sealed = (frames.sealed(sa, frames.inner(sa, chosen.octets, flow, towards_us=True), sequence=flow + 1)
              for flow, sa in enumerate(sas))
    frames.write_capture(chosen.directory / "clear.pcap", clear, mac=in0)
    frames.write_capture(chosen.directory / "esp.pcap", sealed, mac=out0)


if __name__ == "__main__":
    main()
