# SPDX-License-Identifier: BSD-3-Clause
"""StrongSwan: charon-systemd run directly, with its own configuration and socket, several side by side.

In a namespace it does ESP itself (kernel-libipsec: a TUN device, and ESP always in UDP); inside a
KernelPeer the guest's kernel does it (kernel-netlink: raw ESP, ESN).
"""
import pathlib
import re
import shlex
import time

from .bench import LabError, run, wait_for

SETTINGS = """# written by the laboratory
charon-systemd {{
  load_modular = yes
  plugins {{
    include /etc/strongswan.d/charon/*.conf
    vici {{
      socket = unix://{vici}
    }}
    bypass-lan {{
      load = no
    }}
    resolve {{
      load = no
    }}
    stroke {{
      load = no
    }}
    kernel-libipsec {{
      load = {libipsec}
      allow_peer_ts = yes
    }}
  }}
  filelog {{
    log {{
      path = {log}
      append = no
      flush_line = yes
      time_format = %H:%M:%S
      default = {level}
      knl = 1
      net = 1
      enc = 1
    }}
  }}
  journal {{
    default = -1
  }}
  retransmit_timeout = 1.0
  retransmit_base = 1.5
  retransmit_tries = 4
  {extra}
}}
"""


def swanctl_text(value, depth=0):
    """A nested dict as swanctl.conf text."""
    pad = "  " * depth
    rows = []
    for key, item in value.items():
        if isinstance(item, dict):
            rows.append(f"{pad}{key} {{\n{swanctl_text(item, depth + 1)}{pad}}}\n")
        else:
            rows.append(f"{pad}{key} = {item}\n")
    return "".join(rows)


def connection(local, remote, children, ike="aes128gcm16-prfsha256-x25519", **more):
    """A connection by PSK between two addresses, its identities the addresses unless said otherwise."""
    return {"version": 2, "local_addrs": local, "remote_addrs": remote, "proposals": ike, "mobike": "no",
            "rekey_time": 0, "local": {"auth": "psk", "id": more.pop("local_id", local)},
            "remote": {"auth": "psk", "id": more.pop("remote_id", remote)},
            "children": children, **more}


def child(local_ts, remote_ts, esp="aes128gcm16", **more):
    return {"local_ts": local_ts, "remote_ts": remote_ts, "esp_proposals": esp, "mode": "tunnel",
            "rekey_time": 0, **more}


class StrongSwan:
    def __init__(self, bench, space, name="swan", guest=None):
        """space: where it runs; guest: the KernelPeer in which it runs instead."""
        self.bench, self.space, self.name, self.guest = bench, space, name, guest
        self.dir = (guest.shared if guest else bench.directory) / name
        (self.dir / "swanctl").mkdir(parents=True)
        self.connections, self.secrets = {}, {}
        # A socket cannot live on the guest's view of the host's files.
        self.vici = pathlib.Path(f"/run/{name}.vici") if guest else self.dir / "vici"
        self.log_path = pathlib.Path(f"/run/{name}.log") if guest else self.dir / "log"
        self.process = None

    def psk(self, secret, *identities):
        self.secrets[f"ike-{len(self.secrets)}"] = {**{f"id-{n}": i for n, i in enumerate(identities)},
                                                    "secret": f'"{secret}"'}

    def _write(self):
        text = swanctl_text({"connections": self.connections, "secrets": self.secrets})
        (self.dir / "swanctl/swanctl.conf").write_text(text)

    def start(self, level=1, extra=""):
        if not self.guest and self.vici.exists():
            self.vici.unlink()  # of an earlier start
        (self.dir / "strongswan.conf").write_text(SETTINGS.format(
            vici=self.vici, log=self.log_path, level=level, extra=extra, libipsec="no" if self.guest else "100"))
        self._write()
        words = ["env", f"STRONGSWAN_CONF={self.dir}/strongswan.conf", "/usr/sbin/charon-systemd"]
        if self.guest:
            self.guest.background(f"{shlex.join(words)} > /run/{self.name}.out 2>&1")
            self.guest.run(f"for i in $(seq 100); do [ -S {self.vici} ] && exit 0; sleep 0.1; done; exit 1")
        else:
            self.process = self.space.start(*words, log=f"{self.name}.log")

            def ready():
                if self.process.poll() is not None:
                    raise LabError(f"strongSwan ended: {self.process.log.read_text()[-800:]}{self.log(20)}")
                return self.vici.exists()

            wait_for("strongSwan answers", ready, 15)
        self.load()
        return self

    def ctl(self, command, *words, check=True, timeout=40):
        words = ["swanctl", command, *words, "--uri", f"unix://{self.vici}"]
        environment = [f"SWANCTL_DIR={self.dir}/swanctl", f"STRONGSWAN_CONF={self.dir}/strongswan.conf"]
        if self.guest:
            return self.guest.run(shlex.join(["env", *environment, *map(str, words)]), check=check, timeout=timeout)
        return run("env", *environment, *words, check=check, timeout=timeout)

    def load(self):
        """Reads connections and secrets again; established SAs stay."""
        self._write()
        self.ctl("--load-all", "--noprompt", "--file", self.dir / "swanctl/swanctl.conf")

    def initiate(self, child, timeout_s=10, check=True):
        return self.ctl("--initiate", "--child", child, "--timeout", timeout_s, check=check)

    def terminate(self, ike, check=False, **kw):
        return self.ctl("--terminate", "--ike", ike, "--timeout", 5, check=check, **kw)

    def rekey_child(self, name):
        return self.ctl("--rekey", "--child", name)

    def rekey_ike(self, name):
        return self.ctl("--rekey", "--ike", name)

    def sas(self):
        return self.ctl("--list-sas", check=False).text

    def spis(self):
        """(incoming, outgoing) SPIs of installed children."""
        return re.findall(r"INSTALLED.*?\n\s+in\s+([0-9a-f]{8}).*?\n\s+out\s+([0-9a-f]{8})", self.sas(), re.S)

    def installed(self):
        return self.sas().count("INSTALLED")

    def log(self, lines=60):
        if self.guest:
            return self.guest.run(f"tail -n {lines} {self.log_path}", check=False).text
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self):
        self.bench.stop(self.process)

    def kill(self):
        """As a crash: no deletes are sent, and the TUN device goes with it."""
        self.process.kill()
        self.process.wait()
        self.bench.processes.remove(self.process)
        time.sleep(0.2)
