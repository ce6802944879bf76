# SPDX-License-Identifier: BSD-3-Clause
"""Gateway: one penstockd in a namespace, on net_af_packet ports, and its command line."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from .bench import BUILD, LabError, run, wait_for

PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
MEMORY_MIB = 128
# Drops that a healthy tunnel never shows: RFC 4303 §3.4 and the policy check of RFC 4301 §5.2.
TUNNEL_DROPS = ("no_sa", "larval_sa", "replay", "sequence_zero", "icv_mismatch", "sa_address_mismatch",
                "encap_mismatch", "inbound_policy_mismatch", "no_policy", "policy_discard",
                "protected_in_clear", "no_outbound_sa", "sa_hard_expired")


def libconfig(value, depth=0):
    """A Python value as libconfig text: dict is a group, list of dicts a list, list of scalars an array."""
    pad = "  " * (depth + 1)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        rows = "".join(f"{pad}{key} = {libconfig(item, depth + 1)};\n" for key, item in value.items())
        return "{\n" + rows + "  " * depth + "}"
    if any(isinstance(item, dict) for item in value) or not value:
        return "(" + ", ".join(libconfig(item, depth) for item in value) + ")"
    return "[" + ", ".join(libconfig(item, depth) for item in value) + "]"


def eal_arguments():
    """EAL options for a process beside others: hugepages where enough are free, else ordinary memory
    (DPDK 22.11 cannot have --no-huge together with --in-memory)."""
    free = int(PAGES.read_text()) if PAGES.exists() else 0
    if free * 2 >= MEMORY_MIB + 16:
        return ["--no-pci", "--in-memory", "-m", str(MEMORY_MIB)]
    return ["--no-pci", "--no-huge", "-m", "256"]


class Gateway:
    """ports: {name: (interface in the namespace, side, [addresses])}."""

    def __init__(self, bench, space, name="gw"):
        self.bench, self.space, self.name = bench, space, name
        self.prefix = f"{bench.tag}{name}"
        self.socket = bench.directory / f"{name}.sock"
        self.config = {
            "control": {"socket": str(self.socket), "jobs": 1, "log_level": "info"},
            "dataplane": {
                "eal": eal_arguments(), "file_prefix": self.prefix, "control_cpu": 0,
                "workers": [os.cpu_count() - 1], "idle": "sleep",
                "ports": [], "routes": [], "neighbors": [],
                "crypto": {"engine": "ipsec-mb", "devices": []},
            },
            "manual_sas": [], "connections": {}, "secrets": {},
        }
        self.process = None

    def port(self, name, interface, side, *addresses, mtu=1500, driver="net_af_packet", **more):
        """The gateway's own kernel must neither answer nor route on that interface: no address."""
        number = len(self.config["dataplane"]["ports"])
        self.config["dataplane"]["ports"].append(
            {"name": name, "device": f"{driver}{number},iface={interface}", "side": side, "mtu": mtu,
             "addresses": list(addresses), "queues": 1, **more})
        self.space.sysctl(net__ipv4__ip_forward=0)
        return self

    def route(self, to, via, port):
        self.config["dataplane"]["routes"].append({"to": to, "via": via, "port": port})
        return self

    def write(self):
        path = self.bench.directory / f"{self.name}.conf"
        text = "".join(f"{key} = {libconfig(value)};\n" for key, value in self.config.items() if value)
        path.touch(mode=0o600)  # it holds keys
        path.write_text(text)
        return path

    def start(self, timeout_s=30):
        """Starts the daemon and waits until it answers, which it does once ports and workers run."""
        if self.socket.exists():
            self.socket.unlink()
        path = self.write()
        self.process = self.space.start(BUILD / "app/penstockd", "--config", path,
                                        log=f"{self.name}.log")

        def ready():
            if self.process.poll() is not None:
                raise LabError(f"penstockd ended with {self.process.returncode}\n{self.log(40)}")
            return self.socket.exists() and self.cli("version", check=False).returncode == 0

        wait_for("penstockd answers", ready, timeout_s, pause_s=0.1)
        return self

    def stop(self):
        """Seconds until it had ended by itself; LabError if it did not."""
        took = self.bench.stop(self.process, signal.SIGTERM)
        status = self.process.returncode
        if took is None or status:
            raise LabError(f"penstockd after SIGTERM: {'killed' if took is None else f'exit status {status}'}"
                           f"\n{self.log(20)}")
        return took

    def kill(self):
        """Ends it as a crash would: nothing is said to the peer."""
        self.process.kill()
        self.process.wait()
        self.bench.processes.remove(self.process)

    def log(self, lines=1000):
        return "\n".join(self.process.log.read_text(errors="replace").splitlines()[-lines:])

    def cli(self, *words, **kw):
        return run(BUILD / "app/penstock", "--socket", self.socket, *words, **kw)

    def _json(self, *words):
        words = [str(BUILD / "app/penstock"), "--socket", str(self.socket), "--json", *words]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise LabError(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def show(self, what):
        return self._json("show", what)

    def show_version(self):
        return self._json("version")

    def telemetry(self, command):
        """The answer of DPDK's own telemetry socket, as `dpdk-telemetry.py` would get it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(10)
            connection.connect(f"/var/run/dpdk/{self.prefix}/dpdk_telemetry.v2")
            connection.recv(16384)  # who answers, and how much at once
            connection.send(command.encode())
            return json.loads(connection.recv(65536))[command.split(",")[0]]

    def drops(self):
        """{reason: count} of those that are not zero."""
        return {row["reason"]: row["count"] for row in self.show("drops")["drops"] if row["count"]}

    def tunnel_drops(self, before=None):
        """The drops of TUNNEL_DROPS since `before`; empty when all is well."""
        before = before or {}
        now = self.drops()
        return {name: now[name] - before.get(name, 0) for name in TUNNEL_DROPS
                if now.get(name, 0) != before.get(name, 0)}

    def imbalance(self):
        """received + injected + generated - (transmitted + dropped + punted + consumed + held), which
        is 0 whenever the gateway is idle (design, contract 9); tried again while packets move."""
        def difference():
            row = self.show("counters")["counters"]
            inward = sum(row[name] for name in ("received", "injected", "generated"))
            outward = sum(row[name] for name in ("transmitted", "dropped", "punted", "consumed", "held"))
            return inward - outward

        value = difference()
        for _ in range(20):
            if value == 0:
                return 0
            time.sleep(0.1)
            value = difference()
        return value

    def children(self):
        """[(IKE SA, child)] that are installed."""
        return [(ike, child) for ike in self.show("sas")["ike_sas"] for child in ike["children"]
                if child["state"].lower() == "installed"]
