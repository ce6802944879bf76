# SPDX-License-Identifier: BSD-3-Clause
"""One connection by PSK, "lab", between a gateway and a strongSwan, configured at both ends."""
from .scenario import PEER, PSK, WAN, standard_gateway, two_ports, with_address
from .strongswan import StrongSwan, connection

IKE = "aes128gcm16-prfsha256-x25519"


def tunnel_lab(s, *inner):
    """host --- gateway --- strongSwan, which has the inner addresses behind it."""
    host, gw, peer = two_ports(s)
    with_address(peer, *inner)
    gateway, swan = standard_gateway(s, gw), StrongSwan(s.bench, peer)
    s.show_on_failure("log of strongSwan", lambda: swan.log(60))
    return host, peer, gateway, swan


def our_child(local_ts, remote_ts, esp="aes128gcm16", **more):
    """A child as penstock.conf has it; nothing starts or ends by itself unless said otherwise."""
    return {"local_ts": [local_ts], "remote_ts": [remote_ts], "esp_proposals": [esp], "rekey_time": "0s",
            "start_action": "none", **more}


def configure(gateway, swan, ours, theirs, ike=(IKE,), ends=(WAN, PEER), **more):
    """ours, theirs: the children by name, as each end writes them; ends: our address and theirs; more: settings
    of our connection."""
    near, far = ends
    gateway.config["connections"]["lab"] = {
        "local_addrs": [near], "remote_addrs": [far], "proposals": list(ike), "rekey_time": "0s",
        "local": {"auth": "psk", "id": near}, "remote": {"auth": "psk", "id": far}, "children": ours, **more}
    gateway.config["secrets"]["ike-lab"] = {"id": [far], "secret": PSK}
    swan.connections["lab"] = connection(far, near, theirs, ike=",".join(ike))
    swan.psk(PSK, far, near)
