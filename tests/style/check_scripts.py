#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shell scripts parse and please shellcheck; Python files compile."""
import shutil
import subprocess

from files import ROOT, Report, tracked


def kind(name):
    if name.endswith(".py"):
        return "python"
    if name.endswith(".sh"):
        return "bash"
    head = (ROOT / name).read_bytes()[:60].split(b"\n")[0]
    if not head.startswith(b"#!"):
        return None
    return "bash" if b"bash" in head or b"/sh" in head else "python" if b"python" in head else None


def main():
    report = Report("style/scripts")
    kinds = {name: kind(name) for name in tracked()}
    shell = [n for n, k in kinds.items() if k == "bash"]
    faults = []
    for name in shell:
        done = subprocess.run(["bash", "-n", name], cwd=ROOT, capture_output=True, text=True)
        faults += done.stderr.splitlines()
    report.check("bash -n", faults)
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-x", "--severity=warning", "--format=gcc", *shell], cwd=ROOT,
                              capture_output=True, text=True)
        report.check("shellcheck", done.stdout.splitlines())
    else:
        report.skip("shellcheck", "shellcheck is not installed")
    faults = []
    for name in (n for n, k in kinds.items() if k == "python"):
        try:
            compile((ROOT / name).read_text(), name, "exec")
        except SyntaxError as why:
            faults.append(f"{name}:{why.lineno}: {why.msg}")
    report.check("python syntax", faults)
    report.exit()


main()
