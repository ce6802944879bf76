# SPDX-License-Identifier: BSD-3-Clause
"""Losses: what the kernel lost on the way of a stream, place by place, by its own counters.

A loaded machine overflows the kernel's queues: those of sockets, of TUN devices, of a veth's receiver, and
the ring of a packet socket, which net_af_packet of DPDK 22.11 does not count. A frame that a device received
and our port did not is one that the ring had no room for.
"""


class Losses:
    """path: (space, device, "rx" or "tx") in the order of the packets, where "ring" instead means what
    the gateway's port on that device never saw. What was lost since it was made is in lost()."""

    def __init__(self, gateway, path):
        self.gateway, self.path = gateway, path
        self.before = self._now()

    def _now(self):
        ports = {port["device"].rpartition("iface=")[2].split(",")[0]: port["rx_packets"] for port in self.gateway.show("ports")["ports"]}
        return [space.device(name)["rx"]["packets"] - ports[name] if way == "ring"
                else space.device(name)[way]["dropped"] for space, name, way in self.path]

    def lost(self):
        """{place: packets} of those that are not zero."""
        grown = {f"{space.role} {name} {way}": now - was
                 for (space, name, way), now, was in zip(self.path, self._now(), self.before)}
        return {place: count for place, count in grown.items() if count > 0}
