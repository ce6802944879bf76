#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent end of a manually keyed tunnel, made of scapy's IPsec layer.

It owns a veth end without an address, answers ARP for its own address, opens every ESP packet that comes
(the ICV must verify), answers ICMP echo requests under the reverse SA, and pings by itself when told to.
scapy 2.5 leaves the upper half of an extended sequence number out of a separate HMAC (RFC 4303 §2.2.1),
and does not verify GCM with an ICV of 8 or 12 octets: both are done here.

  scapy_peer.py FILE

FILE is JSON: {"interface", "left", "right" (this end and the other), "pings", "seconds", "tunnels":
[{"word", "spi_left", "spi_right", "left_net", "right_net", "left_inner", "right_inner"}]}.
The last line is a JSON object: for each tunnel what was verified, answered and refused.
"""
import json
import os
import pathlib
import socket
import struct
import sys
import time

os.environ.setdefault("XDG_CONFIG_HOME", "/nonexistent")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab.suites import INTEGRITY, SUITES, Tunnel  # noqa: E402

from cryptography.exceptions import InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402
from scapy.all import ARP, ICMP, IP, Ether, Raw, get_if_hwaddr  # noqa: E402
from scapy.layers import ipsec  # noqa: E402


class Integrity(ipsec.AuthAlgo):
    """scapy's HMAC, with the upper half of the sequence number behind the packet when ESN is on."""

    def __init__(self, name, upper):
        base = ipsec.AUTH_ALGOS[name]
        super().__init__(name, mac=base.mac, digestmod=base.digestmod, icv_size=base.icv_size, key_size=base.key_size)
        self.upper = upper

    def value(self, data, key):
        mac = self.new_mac(key)
        mac.update(data + self.upper)
        return mac.finalize()[:self.icv_size]

    def sign(self, pkt, key, esn_en=False, esn=0):
        if self.mac:
            pkt[ipsec.ESP].data += self.value(bytes(pkt[ipsec.ESP]), key)
        return pkt

    def verify(self, pkt, key, esn_en=False, esn=0):
        if not self.mac:
            return
        icv, copy = pkt.data[-self.icv_size:], pkt.copy()
        copy.data = copy.data[:-self.icv_size]
        if self.value(bytes(copy), key) != icv:
            raise ipsec.IPSecIntegrityError("the ICV is wrong")


class ShortGcm:
    """AES-GCM with a short ICV, by the clauses: RFC 4106 §3 (salt and IV), §5 (associated data)."""

    def __init__(self, tunnel, spi, source, destination):
        self.key, self.salt = tunnel.enc_key(spi)[:-4], tunnel.enc_key(spi)[-4:]
        self.size, self.esn, self.spi = tunnel.suite.icv, tunnel.esn, spi
        self.source, self.destination, self.number = source, destination, 0

    def aad(self, head):
        return head[:4] + (bytes(4) if self.esn else b"") + head[4:]

    def open(self, esp):
        head, iv, body, icv = esp[:8], esp[8:16], esp[16:-self.size], esp[-self.size:]
        cipher = Cipher(algorithms.AES(self.key), modes.GCM(self.salt + iv, icv, min_tag_length=self.size)).decryptor()
        cipher.authenticate_additional_data(self.aad(head))
        plain = cipher.update(body) + cipher.finalize()
        return IP(plain[:len(plain) - 2 - plain[-2]])

    def seal(self, packet):
        self.number += 1
        head, iv, pad = struct.pack("!II", self.spi, self.number), struct.pack("!Q", self.number), -(len(packet) + 2) % 4
        cipher = Cipher(algorithms.AES(self.key), modes.GCM(self.salt + iv)).encryptor()
        cipher.authenticate_additional_data(self.aad(head))
        body = cipher.update(packet + bytes(range(1, pad + 1)) + bytes([pad, 4])) + cipher.finalize()
        return IP(src=self.source, dst=self.destination, proto=50) / Raw(head + iv + body + cipher.tag[:self.size])


class End:
    def __init__(self, tunnel):
        self.tunnel, self.opening, self.sealing = tunnel, None, None
        self.inbound = self.association(tunnel.spi_left, IP(src=tunnel.right, dst=tunnel.left))
        self.outbound = self.association(tunnel.spi_right, IP(src=tunnel.left, dst=tunnel.right))
        self.short = tunnel.suite.scapy == "AES-GCM" and tunnel.suite.icv < 16
        self.short_in = ShortGcm(tunnel, tunnel.spi_left, tunnel.right, tunnel.left)
        self.short_out = ShortGcm(tunnel, tunnel.spi_right, tunnel.left, tunnel.right)

    def association(self, spi, outer):
        suite = self.tunnel.suite
        name = INTEGRITY[suite.integrity][3] if suite.integrity else "NULL"
        sa = ipsec.SecurityAssociation(
            ipsec.ESP, spi=spi, seq_num=1, crypt_algo=suite.scapy, crypt_key=self.tunnel.enc_key(spi) or None,
            crypt_icv_size=suite.icv or None, auth_algo=name, auth_key=self.tunnel.auth_key(spi) or None,
            tunnel_header=outer, esn_en=self.tunnel.esn, esn=0)
        sa.auth_algo = Integrity(name, bytes(4) if self.tunnel.esn else b"")
        return sa

    def open(self, packet):
        if self.short:
            if packet[ipsec.ESP].spi != self.tunnel.spi_left:
                raise ipsec.IPSecIntegrityError("another SPI")
            return self.short_in.open(bytes(packet[ipsec.ESP]))
        return IP(bytes(self.inbound.decrypt(packet)))

    def seal(self, packet):
        return self.short_out.seal(bytes(packet)) if self.short else self.outbound.encrypt(IP(bytes(packet)))


class Wire:
    """The veth end: frames in, ARP answered, packets out to the one neighbour there is."""

    def __init__(self, interface, own, other):
        self.own, self.other, self.mac, self.peer = own, other, get_if_hwaddr(interface), None
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((interface, 0))
        self.socket.settimeout(0.02)

    def ask(self):
        self.socket.send(bytes(Ether(src=self.mac, dst="ff:ff:ff:ff:ff:ff") /
                               ARP(op=1, hwsrc=self.mac, psrc=self.own, pdst=self.other)))

    def send(self, packet):
        self.socket.send(bytes(Ether(src=self.mac, dst=self.peer) / packet))

    def receive(self):
        """The next IP packet for us, or None."""
        try:
            raw, about = self.socket.recvfrom(65535)
        except (TimeoutError, socket.timeout):
            return None
        if about[2] == socket.PACKET_OUTGOING:
            return None
        frame = Ether(raw)
        if ARP in frame:
            if frame[ARP].psrc == self.other:
                self.peer = frame[ARP].hwsrc
            if frame[ARP].op == 1 and frame[ARP].pdst == self.own:
                self.socket.send(bytes(Ether(src=self.mac, dst=frame.src) /
                                       ARP(op=2, hwsrc=self.mac, psrc=self.own, hwdst=frame[ARP].hwsrc,
                                           pdst=frame[ARP].psrc)))
            return None
        return IP(bytes(frame[IP])[:frame[IP].len]) if IP in frame else None


class Peer:
    def __init__(self, plan):
        self.wire, self.pings = Wire(plan["interface"], plan["left"], plan["right"]), plan["pings"]
        self.ends, self.told = {}, {"clear": 0}
        for row in plan["tunnels"]:
            word = row["word"]
            tunnel = Tunnel(SUITES[word.removesuffix("-esn")], plan["left"], plan["right"], row["left_net"],
                            row["right_net"], word.endswith("-esn"), row["spi_right"], row["spi_left"])
            end = self.ends[row["spi_left"]] = End(tunnel)
            end.inner = row["left_inner"], row["right_inner"]
            end.told = self.told[word] = {"verified": 0, "refused": 0, "answered": 0, "pings": 0, "replies": 0,
                                          "why": ""}

    def done(self):
        return all(min(e.told["replies"], e.told["answered"]) >= self.pings for e in self.ends.values())

    def ping_all(self):
        for end in self.ends.values():
            if end.told["pings"] < self.pings:
                end.told["pings"] += 1
                self.wire.send(end.seal(IP(src=end.inner[0], dst=end.inner[1]) /
                                        ICMP(type=8, id=77, seq=end.told["pings"]) / Raw(b"penstock" * 6)))

    def take(self, packet):
        if packet.proto != 50:
            self.told["clear"] += 1
            return
        end = self.ends.get(packet[ipsec.ESP].spi)
        if end is None:
            self.told["unknown"] = self.told.get("unknown", 0) + 1
            return
        try:
            plain = end.open(packet)
        except (ipsec.IPSecIntegrityError, InvalidTag, ValueError, TypeError) as why:
            end.told["refused"] += 1
            end.told["why"] = f"{type(why).__name__}: {why}"
            return
        end.told["verified"] += 1
        if ICMP in plain and plain[ICMP].type == 8:
            echo = plain[ICMP]
            self.wire.send(end.seal(IP(src=plain.dst, dst=plain.src) / ICMP(type=0, id=echo.id, seq=echo.seq) /
                                    echo.payload))
            end.told["answered"] += 1
        elif ICMP in plain and plain[ICMP].type == 0:
            end.told["replies"] += 1


def main():
    plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
    peer = Peer(plan)
    print("ready", flush=True)
    stop, next_round = time.monotonic() + plan["seconds"], time.monotonic()
    while time.monotonic() < stop and not peer.done():
        if time.monotonic() >= next_round:
            next_round = time.monotonic() + 0.5
            if peer.wire.peer is None:
                peer.wire.ask()
            else:
                peer.ping_all()
        packet = peer.wire.receive()
        if packet is not None:
            peer.take(packet)
    print(json.dumps(peer.told))


if __name__ == "__main__":
    main()
