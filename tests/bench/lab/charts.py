# SPDX-License-Identifier: BSD-3-Clause
"""From the JSON of scripts/bench to charts and a page that shows them. A case without a chart of its own has
its table alone."""
import json

from tests.bench.lab import plot

MOST_STAGES = 8  # of the instructions' chart; the rest is one part


def where(row):
    return f"{row['program']} {row['algorithm']} {row['direction']} {row['packet_bytes']}"


def of_points(case, rows):
    """Where the cycles of a point go: source and sink, cipher, the rest."""
    bars = [(where(row) + (f", {row['sas']:,} SAs" if row["sas"] > 1 else ""),
             [row["io_cycles"], row["cipher_cycles"] or 0,
              row["cycles_per_packet"] - row["io_cycles"] - (row["cipher_cycles"] or 0)]) for row in rows]
    return {case: plot.bars(f"{case}: what a packet costs", "cycles", ("source and sink", "cipher", "beyond"), bars)}


def of_scale(case, rows):
    series = {}
    for row in rows:
        series.setdefault(f"{row['program']} {row['direction']} {row['packet_bytes']}", []).append(
            (row["sas"], row["cycles_per_packet"] - row["io_cycles"]))
    return {case: plot.lines("scale: a packet without source and sink", "cycles", "SA pairs, each with a policy", series)}


def of_workers(case, rows):
    bars = [(f"{row['direction']} {row['packet_bytes']}, {row['sas']:,} SA{'s' if row['sas'] > 1 else ''}"
             + (", spread" if row["arrival"] == "spread" else ""), [row["speedup"]]) for row in rows]
    count = rows[0]["workers"]
    return {case: plot.bars(f"workers: {count} against one", "times the packets", (f"{count} workers",), bars)}


def of_latency(case, rows):
    bars = [(f"{row['direction']} {row['packet_bytes']}, {row['load']}",
             [row["p50_us"], row["p99_us"] - row["p50_us"], row["p999_us"] - row["p99_us"]]) for row in rows]
    bars += [(f"machine: {row['direction']} {row['packet_bytes']}, {row['load']}", [0, 0, row["noise_p999_us"]])
             for row in rows]
    return {case: plot.bars("latency: from due to transmitted", "microseconds",
                            ("half of the packets", "to 99 %", "to 99.9 %"), bars)}


def of_instructions(case, rows):
    """Stages without the cipher's library, the greatest first; those of all points have the same colours."""
    points, ciphers, stages = {}, {}, {}
    for row in rows:
        if row["direction"] == "ike":  # a tunnel is no packet
            continue
        point = f"{row['algorithm']} {row['direction']} {row['packet_bytes']}"
        if row["stage"] == "all":
            points[point], ciphers[point] = {"all": row["instructions"]}, row["cipher_instructions"]
            continue
        cost = row["instructions"] - (ciphers[point] if row["stage"].startswith("crypto_") else 0)
        stage = row["stage"].replace("crypto_inbound", "crypto").replace("crypto_outbound", "crypto")
        points[point][stage] = cost
        stages[stage] = max(stages.get(stage, 0), cost)
    names = sorted(stages, key=stages.get, reverse=True)[:MOST_STAGES]
    bars = []
    for point, costs in points.items():
        parts = [costs.get(name, 0) for name in names]
        bars.append((point, [*parts, costs["all"] - sum(parts)]))
    return {case: plot.bars("instructions: the path without the cipher's library", "instructions a packet",
                            (*names, "the rest"), bars)}


def of_ike(case, rows):
    bars = [(f"{row['method']}, {row['tunnels']:,} tunnels",
             [row["bare_crypto_us"], row["cpu_us_responder"] - row["bare_crypto_us"]]) for row in rows]
    return {case: plot.bars("ike: a tunnel, CPU of the responder", "microseconds",
                            ("asymmetric operations", "beyond"), bars)}


def of_fairness(case, rows):
    bars = [(row["load"], [row["median_ms"], row["most_ms"] - row["median_ms"]]) for row in rows]
    return {case: plot.bars("fairness: an IKE SA under load", "milliseconds", ("median", "to the longest"), bars)}


CHARTS = {"quick": of_points, "dataplane": of_points, "scale": of_scale, "workers": of_workers,
          "latency": of_latency, "ike": of_ike, "fairness": of_fairness,
          "instructions": of_instructions}


def without_file(command):
    """A command as somebody else would give it: where its JSON went is not of interest."""
    words = iter(command)
    return " ".join(word for word in words if word != "--json" or not next(words))


def cell(value, form):
    return "-" if value is None else format(value, form)


def table(columns, rows):
    yield "| " + " | ".join(heading for _, heading, _ in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(cell(row.get(key), form).strip() for key, _, form in columns) + " |"


def page(reports, cases):
    """@param reports  contents of JSON files; a later one's rows of a case replace an earlier one's
    @return (text of the page, {name of a chart: SVG})"""
    found, charts = {}, {}
    for report in reports:
        by_case = {}
        for row in report["results"]:
            by_case.setdefault(row["case"], []).append(row)
        found.update({case: (report, rows) for case, rows in by_case.items()})
    text = ["# Measured", "", "Made by `scripts/bench --plot`; what is measured and how is told in [benchmarks](README.md).", ""]
    for case in (case for case in cases if case in found):
        report, rows = found[case]
        machine, versions = report["machine"], report["versions"]
        text += [f"## {case}", "", f"`{without_file(report['command'])}` on {machine['cpu']}, {machine['cpus']} CPUs, "
                 f"Linux {machine['kernel']}; {', '.join(f'{name} {value}' for name, value in versions.items())}. "
                 f"{cases[case].note}", ""]
        for name, svg in (CHARTS[case](case, rows) if case in CHARTS else {}).items():
            charts[name] = svg
            text += [f"![{name}]({name}.svg)", ""]
        shown = [row for row in rows if row.get("stage", "all") == "all"]
        text += [*table(cases[case].columns, shown), ""]
    return "\n".join(text), charts


def write(files, directory, cases):
    text, charts = page([json.loads(file.read_text()) for file in files], cases)
    (directory / "measured.md").write_text(text)
    for name, svg in charts.items():
        (directory / f"{name}.svg").write_text(svg)
