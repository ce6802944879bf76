#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds what the suites named need, runs them, counts single cases. Started by scripts/test."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TAIL_LINES = 60  # of the output of a test program that failed
JOBS = max(1, os.cpu_count() or 1)

# Build folders: what they are made with, and the compiler.
BUILDS = {
    "build": ("g++", []),
    "build-fuzz": ("clang++", ["-Dfuzz=true", "-Dtests=false", "-Db_sanitize=address,undefined"]),
    "build-asan": ("g++", ["-Db_sanitize=address,undefined"]),
    "build-tsan": ("g++", ["-Db_sanitize=thread"]),
}
TARGETS = {"build-fuzz": ["meson-test-prereq"]}  # where not all of the house is needed
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'tests/lib/lsan.supp'}:print_suppressions=0",
    "TSAN_OPTIONS": "halt_on_error=1",
}


class Count:
    def __init__(self, strict):
        self.strict = strict
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def add(self, verdict, name, why=""):
        why = " ".join(why.split())
        if verdict == "SKIP" and self.strict and "vectors" not in why.lower():
            verdict, why = "FAIL", f"skipped under --strict: {why}"
        print(f"{verdict} {name}{': ' + why if why else ''}", flush=True)
        if verdict == "PASS":
            self.passed += 1
        elif verdict == "SKIP":
            self.skipped += 1
        else:
            self.failed += 1
            self.failures.append(name)


def run_logged(label, command, **kw):
    """True if the command worked; otherwise its output is shown."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **kw)
    if done.returncode:
        print(f"{label} failed: {shlex.join(map(str, command))}")
        print(done.stdout)
    return done.returncode == 0


def build(folder, targets=(), nice=False):
    compiler, options = BUILDS[folder]
    where = ROOT / folder
    env = dict(os.environ)
    if not (where / "build.ninja").exists():
        shutil.rmtree(where, ignore_errors=True)
        compiler = os.environ.get("CXX", compiler) if folder == "build" else compiler
        if shutil.which("ccache") and not compiler.startswith("ccache"):
            compiler = "ccache " + compiler
        env["CXX"] = compiler
        if not run_logged("meson setup", ["meson", "setup", str(where), str(ROOT), *options], env=env):
            return False
    started = time.monotonic()
    wanted = targets or TARGETS.get(folder, ())
    politely = ["nice", "-n", "15"] if nice else []
    ok = run_logged("the build", [*politely, "ninja", "-C", str(where), *wanted], env=env)
    if not targets:
        took = time.monotonic() - started
        print(f"-- {folder}: {'built' if ok else 'NOT built'} in {took:.0f} s", flush=True)
    return ok


def gtest_cases(output):
    """[(case, verdict, why)] from what a GoogleTest program printed; a case that began and never
    ended is the one that crashed."""
    cases, running, said = [], None, []
    for line in output.splitlines():
        found = re.match(r"\[ +(RUN|OK|FAILED|SKIPPED) +\] ([^ ,]+)(.*)", line)
        if not found:
            said.append(line)
        elif found[1] == "RUN":
            running, said = found[2], []
        elif running == found[2] and found[3].endswith("ms)"):
            why = ""
            if found[1] == "SKIPPED":
                why = " ".join(row for row in said if not row.endswith("Skipped"))
            cases.append((running, {"OK": "PASS", "SKIPPED": "SKIP"}.get(found[1], "FAIL"), why))
            running = None
    if running:
        cases.append((running, "FAIL", "ended the program"))
    return cases


def meson_suite(count, folder, suite, label, extra=()):
    """Runs the Meson tests of one suite and counts each of their cases."""
    logs = ROOT / folder / "meson-logs"
    base = f"penstock-{suite}"
    for old in logs.glob(f"{base}*"):
        old.unlink()
    env = dict(os.environ, **SANITIZER_ENV)
    done = subprocess.run(["meson", "test", "-C", str(ROOT / folder), "--no-rebuild", "--suite", suite,
                           "--logbase", base, "--num-processes", str(JOBS), *extra],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    results = logs / f"{base}.json"
    if not results.exists():
        if re.search(r"No tests defined|No suitable tests", done.stdout):
            return
        count.add("FAIL", label, f"meson test said: {done.stdout[-400:]}")
        return
    for line in results.read_text().splitlines():
        test = json.loads(line)
        name = f"{label}/{test['name'].split(' / ')[-1]}"
        output = (test.get("stdout") or "") + (test.get("stderr") or "")
        cases = gtest_cases(output)
        for case, verdict, why in cases:
            count.add(verdict, f"{name} {case}", why)
        broken = test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
        if broken and not any(verdict == "FAIL" for _, verdict, _ in cases):
            count.add("FAIL", name, f"{test['result']}, exit status {test.get('returncode')}")
        elif test["result"] == "SKIP" and not cases:
            count.add("SKIP", name, (output.strip().splitlines() or ["no reason given"])[-1])
        elif not cases:
            count.add("PASS", name)
        if broken:
            quiet = re.compile(r"^\[ +(OK|RUN) +\]|^\[-{5,}\]|^\s*$")
            for row in [r for r in output.splitlines() if not quiet.match(r)][-TAIL_LINES:]:
                print("    " + row)


def line_suite(count, label, command, timeout_s):
    """Runs a program that reports by the lines of report.py, passing them on as they come."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", cwd=ROOT)
    verdicts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    deadline = time.monotonic() + timeout_s
    for line in process.stdout:
        found = re.match(r"(PASS|FAIL|SKIP) ([^:]+?)(?:: (.*))?$", line.rstrip("\n"))
        if found:
            verdicts[found[1]] += 1
            count.add(found[1], found[2], found[3] or "")
        else:
            print(line.rstrip("\n"), flush=True)
        if time.monotonic() > deadline:
            process.terminate()
            count.add("FAIL", label, f"not done within {timeout_s} s")
            break
    status = process.wait()
    if status and not verdicts["FAIL"]:
        count.add("FAIL", label, f"exit status {status}")
    if not status and not sum(verdicts.values()):
        count.add("FAIL", label, "it reported nothing")


def find_vectors():
    """Tests run in other folders: tell them where the vectors are, if they are where the design says."""
    default = ROOT.parent / "shared/vectors"
    if "PENSTOCK_VECTORS" not in os.environ and default.is_dir():
        os.environ["PENSTOCK_VECTORS"] = str(default)


def style(count):
    for script in sorted((ROOT / "tests/style").glob("check_*.py")):
        line_suite(count, f"style/{script.stem}", ["/usr/bin/python3", str(script)], 900)


def reference(count):
    for script in sorted((ROOT / "tests/reference").glob("test_*.py")):
        line_suite(count, f"reference/{script.stem}", ["/usr/bin/python3", str(script)], 300)


def bench_code(count):
    for script in sorted((ROOT / "tests/bench").glob("test_*.py")):
        line_suite(count, f"bench/{script.stem}", ["/usr/bin/python3", str(script)], 300)


def instructions(count):
    script = ROOT / "tests/bench/check_instructions.py"
    line_suite(count, "instructions", ["/usr/bin/python3", str(script)], 600)


def tidy(count):
    script = ROOT / "tests/style/check_tidy.py"
    line_suite(count, "tidy", ["/usr/bin/python3", str(script), "--whole"], 7200)


def interop(count, only):
    scenarios = sorted((ROOT / "tests/interop").glob("scenario_*.py"))
    for script in scenarios:
        name = script.stem.removeprefix("scenario_")
        name = re.sub(r"^\d+_", "", name)
        if only and name not in only:
            continue
        line_suite(count, f"interop/{name}", ["/usr/bin/python3", str(script)], 300)


def main():
    words = sys.argv[1:]
    count = Count("--strict" in words)
    suites = [w for w in words if w != "--strict"]
    chosen = {s.partition("/")[2] for s in suites if s.startswith("interop/")}
    if "interop" in suites:
        chosen = set()
    started = time.monotonic()
    built = {}
    find_vectors()

    ahead = {}  # builds under way, by folder

    def build_ahead(folder):
        """Scenarios wait more than they compute: what comes behind them is built meanwhile."""
        def run():
            built[folder] = build(folder, nice=True)
        ahead[folder] = threading.Thread(target=run)
        ahead[folder].start()

    def have(folder, label):
        if folder in ahead:
            ahead.pop(folder).join()
        if folder not in built:
            built[folder] = build(folder)
        if not built[folder]:
            count.add("FAIL", label, f"{folder} does not build")
        return built[folder]

    for suite in dict.fromkeys(s.partition("/")[0] for s in suites):
        begin = time.monotonic()
        print(f"== {suite}", flush=True)
        if suite in ("style", "tidy"):
            # The linter needs the compilation database, not the binaries.
            if build("build", ["build.ninja"]):
                style(count) if suite == "style" else tidy(count)
            else:
                count.add("FAIL", suite, "meson setup does not work")
        elif suite in ("unit", "sim", "pipeline"):
            if suite == "unit":
                reference(count)
                bench_code(count)
            if have("build", suite):
                meson_suite(count, "build", suite, suite)
        elif suite == "instructions":
            if build("build", ["tests/bench/bench_instructions", "tests/bench/ike/bench_ike"]):
                instructions(count)
            else:
                count.add("FAIL", suite, "what it runs does not build")
        elif suite == "interop":
            if have("build", suite):
                if "fuzz" in suites and "build-fuzz" not in built:
                    build_ahead("build-fuzz")
                interop(count, chosen)
        elif suite == "fuzz":
            if have("build-fuzz", suite):
                meson_suite(count, "build-fuzz", "fuzz", "fuzz")
        elif suite == "asan":
            if have("build-asan", suite):
                for ring in ("unit", "sim", "pipeline"):
                    meson_suite(count, "build-asan", ring, f"asan/{ring}", ["--timeout-multiplier", "5"])
        elif suite == "tsan":
            if have("build-tsan", suite):
                meson_suite(count, "build-tsan", "tsan", "tsan", ["--timeout-multiplier", "5"])
        print(f"-- {suite}: {time.monotonic() - begin:.0f} s", flush=True)

    if count.failures:
        print("== failed")
        for name in count.failures:
            print("   " + name)
    print(f"-- all: {time.monotonic() - started:.0f} s")
    print(f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    print(f"passed {count.passed} failed {count.failed} skipped {count.skipped}")
    return 1 if count.failed else 0


sys.exit(main())
