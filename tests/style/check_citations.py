#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`RFC NNNN §x` in the project: the RFC exists and has that clause.

The texts are looked for in PENSTOCK_RFC, or in "rfc" beside the vectors.
"""
import functools
import os
import pathlib
import re

from files import ROOT, Report, tracked

CITED = re.compile(r"\bRFC[ -]?(\d{3,5})(?:,? §§? ?([A-Z0-9][0-9A-Z]*(?:\.\d+)*))?")


def library():
    if "PENSTOCK_RFC" in os.environ:
        return pathlib.Path(os.environ["PENSTOCK_RFC"])
    vectors = pathlib.Path(os.environ.get("PENSTOCK_VECTORS", ROOT.parent / "shared/vectors"))
    return vectors.parent / "rfc"


@functools.lru_cache(maxsize=None)
def clauses(number):
    """The clause numbers of an RFC, or None if its text is not there."""
    path = library() / f"rfc{number}.txt"
    if not path.exists():
        return None
    text = path.read_text(errors="replace")
    found = set(re.findall(r"^ {0,6}([0-9A-Z][0-9]*(?:\.\d+)*)\.?\s+\S", text, re.MULTILINE))
    # Older texts indent their headings.
    found |= set(re.findall(r"^ *(\d+(?:\.\d+)+)\.?\s+\S", text, re.MULTILINE))
    return found | set(re.findall(r"^ {0,6}Appendix ([A-Z])", text, re.MULTILINE))


def main():
    report = Report("style/citations")
    if not library().is_dir():
        report.skip("RFC clauses exist", "neither RFC texts nor vectors are beside the checkout")
        report.exit()
    faults, unknown = [], set()
    for name in tracked():
        if not name.endswith((".h", ".cpp", ".md", ".py")):
            continue
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1):
            for rfc, clause in CITED.findall(line):
                known = clauses(rfc)
                if known is None:
                    unknown.add(rfc)
                elif clause and clause not in known:
                    faults.append(f"{name}:{number}: RFC {rfc} has no §{clause}")
    report.check("RFC clauses exist", faults)
    if unknown:
        print("   no text at hand for RFC " + ", ".join(sorted(unknown, key=int)))
    report.exit()


main()
