#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy over the compilation database, within a time budget.

A file that came out clean is remembered by the hash of its preprocessed text and of .clang-tidy, in
build/tidy-clean, so only what changed is looked at again. The files that the budget did not reach
are named by number; the next run goes on with them.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time

from files import ROOT, Report

BUDGET_S = 90
BUILD = ROOT / "build"
CLEAN = BUILD / "tidy-clean"
HALVES = ("lib/", "control/", "dataplane/", "app/")


def units():
    """[(file, command without output)] of the project's own sources, not its tests."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if name.startswith(HALVES):
            found[name] = entry
    return sorted(found.items())


def fingerprint(entry, tool):
    words = [w for w in shlex.split(entry["command"]) if w != "ccache"]
    for option in ("-o", "-MF", "-MQ"):
        if option in words:
            at = words.index(option)
            del words[at:at + 2]
    words = [w for w in words if w not in ("-c", "-MD")]
    text = subprocess.run([*words, "-E", "-P"], cwd=entry["directory"], capture_output=True).stdout
    config = (ROOT / ".clang-tidy").read_bytes() + tool.encode()
    return hashlib.sha256(config + text).hexdigest()


def look_at(name, entry, tool, deadline):
    """None when the budget is used up, otherwise the complaints."""
    if time.monotonic() > deadline:
        return name, None
    mark = CLEAN / fingerprint(entry, tool)
    if mark.exists():
        return name, []
    left = max(1, deadline + 20 - time.monotonic())
    try:
        done = subprocess.run([tool, "-p", str(BUILD), "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                               name], cwd=ROOT, capture_output=True, text=True, timeout=left)
    except subprocess.TimeoutExpired:
        return name, None
    said = [line.replace(str(ROOT) + "/", "").replace("build/../", "").removeprefix("../") for line in done.stdout.splitlines()
            if re.search(r": (warning|error): ", line)]
    if done.returncode and not said:
        said = [f"{name}: clang-tidy ended with {done.returncode}", *done.stderr.splitlines()[-3:]]
    if not said:
        mark.touch()
    return name, said


def main():
    report = Report("style/tidy")
    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if tool is None:
        report.skip("clang-tidy", "clang-tidy is not installed")
        report.exit()
    CLEAN.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + BUDGET_S
    todo = units()
    # What changed last is looked at first.
    todo.sort(key=lambda unit: -pathlib.Path(ROOT / unit[0]).stat().st_mtime)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda u: look_at(*u, tool, deadline), todo))
    late = [name for name, said in results if said is None]
    # Advice until the whole tree has been through it once: how far a run gets depends on the machine, and a
    # verdict must not.
    advice = sorted({row for _, said in results if said for row in said})
    for row in advice:
        print("   advice:", row)
    report.check("clang-tidy looked (its findings are advice, not a verdict)", [])
    print(f"   looked at {len(results) - len(late)} of {len(results)} files"
          + (f"; the budget of {BUDGET_S} s left {len(late)} for the next run" if late else ""))
    report.exit()


main()
