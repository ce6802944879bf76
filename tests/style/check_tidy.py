#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy over all sources, a library at a time.

  check_tidy.py          each library as one translation unit: its headers are parsed once, not once a file
  check_tidy.py --whole  each file by itself, and with clang's static analyzer (scripts/test tidy)

Most of the time goes into the headers of others, so the first takes a fifth of what a file at a time takes,
with the same checks. Sources that cannot stand in one unit with those before them (a name twice in unnamed
namespaces) go into a next one. What one unit hides, a using-declaration that only another file needs, is looked
for in the text. Nothing depends on the clock: the verdict is about every file, or there is none.

A unit that came out clean is remembered by the hash of its preprocessed text and of .clang-tidy, in build/tidy.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

from files import ROOT, Report

BUILD = ROOT / "build"
UNITS = BUILD / "tidy"
HALVES = ("lib/", "control/", "dataplane/", "app/")
# Added to those of .clang-tidy. Padding is wanted: what several threads touch has cache lines of its own.
WHOLE = ["--checks=clang-analyzer-*,-clang-analyzer-optin.performance.Padding"]


class Unit:
    """Sources of one Meson target, and how its compiler is called."""

    def __init__(self, target, number, names, entry):
        self.names, self.directory = names, entry["directory"]
        self.label = names[0] if len(names) == 1 else f"{target}, {len(names)} files"
        self.path = UNITS / f"{target.replace('/', '+')}-{number}.cpp"
        rows = [f'#include "{ROOT / name}"  // NOLINT(bugprone-suspicious-include)\n' for name in names]
        self.path.write_text("".join(rows))
        if len(names) == 1:  # by its own name, for checks that tell a main file from what it includes
            self.path = ROOT / names[0]
        words = [w for w in shlex.split(entry["command"]) if w != "ccache"]
        for option in ("-o", "-MF", "-MQ"):
            if option in words:
                at = words.index(option)
                del words[at:at + 2]
        self.compiler, *self.options = [w for w in words if w not in ("-c", "-MD", entry["file"])]

    def fingerprint(self, tool):
        done = subprocess.run([self.compiler, *self.options, "-E", "-P", str(self.path)], cwd=self.directory,
                              capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{self.label} does not preprocess: {done.stderr.decode(errors='replace')[-500:]}")
        return hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + " ".join(tool).encode() + done.stdout).hexdigest()

    def look_at(self, tool):
        """([complaint], {file that does not fit in}): of every file but those."""
        mark = UNITS / self.fingerprint(tool)
        if mark.exists():
            return [], set(mark.read_text().split())
        done = subprocess.run([*tool, str(self.path), "--", *self.options, "-Wno-unknown-warning-option"],
                              cwd=self.directory, capture_output=True, text=True)
        said = [row.replace(f"{ROOT}/", "") for row in done.stdout.splitlines()
                if re.search(r": (warning|error): ", row)]
        apart = set()
        if len(self.names) > 1:
            apart = {name for row in said if "[clang-diagnostic-error" in row
                     for name in self.names if row.startswith(name + ":")}
            said = [row for row in said if row.split(":")[0] not in apart]
        if done.returncode and not said and not apart:
            said = [f"{self.label}: clang-tidy ended with {done.returncode}", *done.stderr.splitlines()[-3:]]
        if not said:
            mark.write_text("\n".join(sorted(apart)))
        return said, apart


def targets():
    """{target: [(file, entry of the compilation database)]} of the project's own sources, not its tests."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if name.startswith(HALVES):
            found.setdefault(os.path.dirname(entry["output"]), []).append((name, entry))
    return found


def idle_usings(name):
    """Using-declarations whose name does not come again in their file."""
    text = (ROOT / name).read_text()
    return [f"{name}: using {scope}::{word} is not used"
            for scope, word in re.findall(r"^using ([\w:]+)::(\w+);", text, re.M)
            if len(re.findall(rf"\b{word}\b", text)) == 1]


def look_at(target, files, tool, whole):
    """The complaints about one target."""
    waiting = [name for name, _ in files]
    entries, said, number = dict(files), [], 0
    while waiting:
        together = waiting[:1] if whole else waiting
        complaints, apart = Unit(target, number, together, entries[together[0]]).look_at(tool)
        said += complaints
        # The first of a unit always fits in, so this ends.
        waiting = waiting[len(together):] + [name for name in together if name in apart]
        number += 1
    return said


def main():
    whole = "--whole" in sys.argv
    report = Report("tidy" if whole else "style/tidy")
    tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if tool is None:
        report.skip("clang-tidy", "clang-tidy is not installed")
        report.exit()
    tool = [tool, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", *(WHOLE if whole else [])]
    UNITS.mkdir(parents=True, exist_ok=True)
    todo = sorted(targets().items(), key=lambda item: -len(item[1]))  # the longest first
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        said = list(pool.map(lambda item: look_at(*item, tool, whole), todo))
    files = [name for _, sources in todo for name, _ in sources]
    complaints = {row for one in said for row in one}.union(*map(idle_usings, files))
    report.check(f"clang-tidy has nothing to say about {len(files)} files", sorted(complaints))
    report.exit()


main()
