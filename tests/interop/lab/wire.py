# SPDX-License-Identifier: BSD-3-Clause
"""A capture of what crosses an interface, and questions to it."""
import ipaddress
import signal
import struct
import time

from .bench import wait_for


class Capture:
    """tcpdump on one interface until stop(); then frames() are (ethertype, payload)."""

    def __init__(self, space, interface, name="wire", expression=""):
        self.path = space.bench.directory / f"{name}.pcap"
        self.bench = space.bench
        # Without --immediate-mode the kernel may keep the last second's packets to itself.
        words = ["tcpdump", "-i", interface, "-n", "-U", "-s", "0", "-B", "8192", "--immediate-mode", "-Z", "root",
                 "-w", self.path]
        self.process = space.start(*words, *expression.split(), log=f"{name}-tcpdump.log")
        wait_for("tcpdump listens", lambda: "listening" in self.process.log.read_text(), 10)

    def stop(self):
        time.sleep(0.3)  # what is in the socket's buffer
        self.bench.stop(self.process, signal.SIGINT)
        return self

    def frames(self):
        data = self.path.read_bytes()
        at, order = 24, "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        while at + 16 <= len(data):
            kept, = struct.unpack_from(order + "I", data, at + 8)
            frame = data[at + 16:at + 16 + kept]
            at += 16 + kept
            if len(frame) >= 14:
                yield struct.unpack_from("!H", frame, 12)[0], frame[14:]

    def ipv4(self):
        """(source, destination, protocol, payload after the IP header, whole packet)."""
        for kind, packet in self.frames():
            if kind == 0x0800 and len(packet) >= 20:
                header = (packet[0] & 15) * 4
                yield (ipaddress.ip_address(packet[12:16]), ipaddress.ip_address(packet[16:20]), packet[9],
                       packet[header:], packet)

    def ipv6(self):
        """The same of IPv6 packets, extension headers left in the payload."""
        for kind, packet in self.frames():
            if kind == 0x86DD and len(packet) >= 40:
                yield (ipaddress.ip_address(packet[8:24]), ipaddress.ip_address(packet[24:40]), packet[6],
                       packet[40:], packet)

    def packets(self):
        yield from self.ipv4()
        yield from self.ipv6()

    def in_clear(self, *networks):
        """Packets whose own addresses lie in the protected networks: none may be on the outside."""
        nets = [ipaddress.ip_network(n) for n in networks]
        return [f"{s} > {d} protocol {p}" for s, d, p, _, _ in self.packets()
                if any(s in n or d in n for n in nets)]

    def esp(self):
        """(source, destination, SPI, sequence number, "esp" or "udp") of every ESP packet."""
        for source, destination, protocol, payload, _ in self.packets():
            if protocol == 50 and len(payload) >= 8:
                yield (str(source), str(destination), *struct.unpack_from("!II", payload), "esp")
            elif protocol == 17 and len(payload) >= 16:
                ports = struct.unpack_from("!HH", payload)
                # RFC 3948 §2.2: four zero octets after the UDP header mark IKE, not ESP.
                if 4500 in ports and payload[8:12] != b"\0\0\0\0":
                    yield (str(source), str(destination), *struct.unpack_from("!II", payload, 8), "udp")

    def ike(self):
        """(source, exchange, first payload, octets of the IP packet) of every IKE message."""
        for source, _, protocol, payload, packet in self.packets():
            if protocol != 17 or len(payload) < 8 + 28:
                continue
            ports = struct.unpack_from("!HH", payload)
            marked = 4500 in ports and payload[8:12] == b"\0\0\0\0"
            message = payload[12:] if marked else payload[8:]
            if (marked or 500 in ports) and len(message) >= 28:
                yield str(source), message[18], message[16], len(packet)
