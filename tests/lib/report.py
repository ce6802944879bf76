# SPDX-License-Identifier: BSD-3-Clause
"""The lines by which a test program tells scripts/test what happened.

PASS name            one check that held
FAIL name: why       one that did not; lines after it that begin with a space are detail
SKIP name: reason    one that could not run
"""
import sys
import traceback

MAX_DETAIL = 40  # lines under one verdict


class Report:
    def __init__(self, prefix):
        self.prefix = prefix
        self.failed = 0

    def _line(self, verdict, name, why=""):
        head, _, detail = str(why).partition("\n")
        print(f"{verdict} {self.prefix}{'/' + name if name else ''}{': ' + head if head else ''}")
        rows = detail.splitlines()
        for line in rows[:MAX_DETAIL]:
            print("    " + line)
        if len(rows) > MAX_DETAIL:
            print(f"    and {len(rows) - MAX_DETAIL} more lines")
        sys.stdout.flush()

    def passed(self, name, note=""):
        self._line("PASS", name, note)

    def fail(self, name, why):
        self.failed += 1
        self._line("FAIL", name, why)

    def skip(self, name, reason):
        self._line("SKIP", name, reason)

    def check(self, name, faults):
        """One verdict from a list of fault sentences."""
        faults = list(faults)
        if faults:
            self.fail(name, f"{len(faults)} found\n" + "\n".join(faults))
        else:
            self.passed(name)

    def exit(self):
        sys.exit(1 if self.failed else 0)


def run_checks(prefix, checks):
    """One verdict for each function, named by its docstring; a string returned is a reason to skip."""
    report = Report(prefix)
    for check in checks:
        title = check.__doc__.splitlines()[0]
        try:
            skipped = check()
        except Exception as why:  # whatever goes wrong is the verdict
            report.fail(title, "".join(traceback.format_exception(why)[-4:]))
            continue
        if skipped:
            report.skip(title, skipped)
        else:
            report.passed(title)
    report.exit()
