# SPDX-License-Identifier: BSD-3-Clause
"""NAT detection, RFC 3947 §3.2: NAT-D is HASH(CKY-I | CKY-R | IP | Port), the receiver's end first."""
import ipaddress
import struct

from .registry import NotifyType, PayloadType
from .wire import Malformed


def digest(functions, cookies, end):
    address, port = end
    return functions.hash(cookies[0] + cookies[1] + ipaddress.ip_address(address).packed +
                          struct.pack("!H", port))


def payloads(p1):
    s = p1.session
    if not p1.nat_wanted() or s.local is None or s.remote is None:
        return []
    # A port that is not ours makes the peer believe in a NAT.
    local = (s.local[0], s.local[1] ^ 1) if p1.policy.force_encapsulation else s.local
    return [(PayloadType.NAT_D, digest(p1.functions, s.cookies, end)) for end in (s.remote, local)]


def look(p1, message):
    """Sets nat_here and nat_there: which end is behind a NAT."""
    s, found = p1.session, message.bodies(PayloadType.NAT_D)
    if not p1.nat_wanted() or not found or s.local is None or s.remote is None:
        return
    if len(found) < 2:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, "one NAT-D alone")
    s.nat_here = found[0] != digest(p1.functions, s.cookies, s.local)
    s.nat_there = digest(p1.functions, s.cookies, s.remote) not in found[1:]
    if p1.policy.force_encapsulation:
        s.nat_there = True
