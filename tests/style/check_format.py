#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""clang-format 14, the version of Debian 12: another version formats a few things differently."""
import shutil
import subprocess

from files import ROOT, Report, sources


def formatter():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and "version 14." in subprocess.run([path, "--version"], capture_output=True, text=True).stdout:
            return path
    return None


def main():
    report = Report("style/format")
    tool = formatter()
    if tool is None:
        report.skip("clang-format", "clang-format 14 is not installed")
        report.exit()
    done = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *sources()], cwd=ROOT,
                          capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line})
    report.check("clang-format", [f"{name}: clang-format-14 -i {name}" for name in wrong])
    report.exit()


main()
