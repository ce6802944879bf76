#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What penstockd and penstock say before anything runs: examples that are right, faults that are listed
together with file and line, and one clear sentence where the machine lacks something."""
import re

from lab.bench import BUILD, ROOT, run
from lab.scenario import LAN, WAN, Scenario

DAEMON, CLI = BUILD / "app/penstockd", BUILD / "app/penstock"
FAULTY = """control = { socket = "/run/penstock-faulty.sock"; jobs = 1; };
dataplane = { eal = ["--in-memory"]; workers = [1]; idle = "sometimes";
  ports = ( { name = "wan"; device = "net_null0"; side = "outside"; addresses = ["192.0.2.300/24"]; } );
  routes = ( { to = "10.2.0.0/16"; via = "192.0.2.9"; port = "nowhere"; } );
};
connections = { a = { remote_addrs = ["192.0.2.9"]; proposals = ["aes128gcm16-rot13"]; colour = "blue"; }; };
"""
FAULT_LINES = {2: "idle", 3: "addresses", 4: "port", 6: "proposals"}


def one_sentence(faults, done, *words):
    """It ended with 1, soon, and said what is wrong in words that name it."""
    faults.expect(done.returncode == 1, f"exit status {done.returncode}")
    for word in words:
        faults.expect(re.search(word, done.text, re.IGNORECASE), f"\"{word}\" is not told:\n{done.text[-800:]}")


with Scenario("start") as s:
    for path in sorted((ROOT / "configs").glob("*.conf")):
        with s.step(f"--check takes {path.name}") as faults:
            done = run(DAEMON, "--config", path, "--check", check=False)
            faults.expect(done.returncode == 0, done.text)
    with s.step("there are examples") as faults:
        faults.expect(len(list((ROOT / "configs").glob("*.conf"))) >= 6, "fewer than six in configs/")

    with s.step("every fault is listed, with file and line") as faults:
        path = s.bench.directory / "faulty.conf"
        path.write_text(FAULTY)
        done = run(DAEMON, "--config", path, "--check", check=False)
        faults.expect(done.returncode == 1, f"exit status {done.returncode}")
        for line, setting in FAULT_LINES.items():
            faults.expect(re.search(rf"faulty\.conf:{line}:.*{setting}", done.text),
                          f"line {line}, {setting}, is not told:\n{done.text}")
        faults.expect("colour" in done.text, f"the unknown setting is not told:\n{done.text}")
        started = run(DAEMON, "--config", path, check=False)
        faults.expect(started.returncode == 1, "it starts with faults")

    with s.step("a syntax error is told with its line") as faults:
        path.write_text("control = {\n  jobs = = 1;\n};\n")
        done = run(DAEMON, "--config", path, "--check", check=False)
        faults.expect(done.returncode == 1 and "faulty.conf:2" in done.text, done.text)

    with s.step("a file that is not there") as faults:
        one_sentence(faults, run(DAEMON, "--config", "/nonexistent.conf", check=False), "nonexistent.conf")

    with s.step("a port that does not exist") as faults:
        gateway = s.gateway(s.bench.namespace("gw"))
        gateway.port("wan", "nosuch0", "outside", f"{WAN}/24").port("lan", "nosuch1", "inside", f"{LAN}/24")
        one_sentence(faults, run(*gateway.space.words(DAEMON, "--config", gateway.write()), check=False),
                     "wan|nosuch0")

    with s.step("no permission") as faults:
        # Not root, and no capability: hugepages and packet sockets are out of reach.
        path = gateway.write()
        s.bench.directory.chmod(0o755)
        path.chmod(0o644)
        words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
                 "--bounding-set=-all", DAEMON, "--config", path]
        one_sentence(faults, run(*gateway.space.words(*words), check=False), "root|permission|privilege|capabilit")

    with s.step("penstock without a daemon ends with 3") as faults:
        done = run(CLI, "--socket", "/run/penstock-nobody.sock", "show", "sas", check=False)
        faults.expect(done.returncode == 3, f"exit status {done.returncode}: {done.text}")
    with s.step("penstock with wrong usage ends with 2") as faults:
        done = run(CLI, "show", "colours", check=False)
        faults.expect(done.returncode == 2, f"exit status {done.returncode}: {done.text}")
