#!/usr/bin/env python3
"""Makes a table and a plot of what tests/benchmark/run has measured.

    report.py RESULTS [--publish]

RESULTS holds benchmark.json and instructions.txt; table.md and results.svg are written beside them.
--publish copies the tables into the README.md beside this script, the rows that say most into that of the
repository, each between its two marks, and the plot beside this script.
"""
import json
import os
import re
import shutil
import sys
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
PAGE = HERE / "README.md"
README = HERE.parent.parent / "README.md"
MARKS = ("<!-- begin of tests/benchmark -->\n", "<!-- end of tests/benchmark -->\n")

# Each benchmark against its twin: what it is called, where, and the ratio that is the goal.
TWINS = [
    ("set up 10k directories, 50k files", "set_up/{}/small", 1.15, "directory"),
    ("set up 100k directories, 300k files", "set_up/{}/large", 1.15, "directory"),
    ("drain, 1,000 directories", "drain/{}/1000", 1.10, "event"),
    ("drain, 100k directories", "drain/{}/100000", 1.10, "event"),
]
WATCHERS = ["AutoWatcher", "Watcher"]

# What the repository's README shows: the beginnings of these rows.
SHORT = [
    "AutoWatcher: set up 100k directories, ", "AutoWatcher: drain, 100k", "AutoWatcher: user instructions per event",
    "AutoWatcher: heap per watch", "table: rename", "AutoWatcher: from the change",
]


def load(results):
    """Returns where it ran, and name -> figures of each benchmark."""
    data = json.loads((results / "benchmark.json").read_text())
    runs = {re.sub(r"/(iterations:|manual_time).*", "", run["name"]): run for run in data["benchmarks"]}
    failed = [name for name, run in runs.items() if run.get("error_occurred")]
    if failed:
        sys.exit("failed: " + ", ".join(failed))
    return data["context"], runs


def instructions(results):
    """User instructions per directory and per event: (work, who) -> number."""
    lines = (results / "instructions.txt").read_text().splitlines()
    fields = [line.split() for line in lines]
    return {(work, who): int(total) / int(count) for work, who, count, total in fields}


def find(runs, prefix):
    return next((run for name, run in runs.items() if name == prefix or name.startswith(prefix + "/")), None)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def twin_rows(runs):
    for title, pattern, goal, unit in TWINS:
        for who in WATCHERS:
            run = find(runs, pattern.format(who))
            if run is not None:
                yield title, who, run, goal, unit


def rows(runs, counts):
    """The lines of the table: what, measured, its twin in raw system calls, ratio, goal."""
    for title, who, run, goal, unit in twin_rows(runs):
        yield (f"{who}: {title}", f"{run['library_us']:.2f} µs/{unit}", f"{run['raw_us']:.2f} µs",
               f"{run['ratio_to_raw']:.2f}", f"≤ {goal}")
    for who in WATCHERS:
        run = find(runs, f"set_up/{who}/large")
        if run and "library_syscalls" in run:
            yield (f"{who}: system calls per directory", f"{run['library_syscalls']:.2f}",
                   f"{run['raw_syscalls']:.2f}", "", "≤ 4.5")
    if run := find(runs, "threads/large"):
        for count in (1, 2):
            title = "1 thread of its own" if count == 1 else f"{count} threads"
            yield (f"AutoWatcher: set up 100k directories with {title}, instead of the caller's",
                   f"{run[f'threads_{count}_us']:.2f} µs passed, {run[f'threads_{count}_cpu_us']:.2f} µs CPU",
                   f"{run['threads_0_us']:.2f} µs passed, {run['threads_0_cpu_us']:.2f} µs CPU (the caller's)",
                   "", "")
    # The goals are the limits of tests/benchmark/instructions.
    for work, unit, goals in [("set_up", "directory", ["1,450", "1,350"]), ("drain", "event", ["200", "175"])]:
        for who, goal in zip(WATCHERS, goals):
            yield (f"{who}: user instructions per {unit}", number(counts[work, who]),
                   number(counts[work, "raw"]), "", f"≤ {goal}")
    for who in WATCHERS:
        if run := find(runs, f"heap/{who}"):
            yield (f"{who}: heap per watch, 100k of them", f"{run['bytes_per_watch']:.1f} bytes",
                   f"{run['plain_map_bytes']:.1f} bytes (unordered_map)", "", "≤ 48")
    if run := find(runs, "heap/churn"):
        yield ("heap after 5,000 and after 100k directories that came and went",
               f"{run['heap_after_first'] / 1e3:.0f} kB, {run['heap_after_last'] / 1e3:.0f} kB", "", "", "flat")
    if run := find(runs, "rename/table/10000"):
        yield ("table: rename of a directory with 10k below", f"{run['real_time']:.0f} ns", "", "", "< 1 µs")
    for case, title in [("each_once", "many directories, once each"), ("there_and_back", "one, there and back")]:
        if run := find(runs, f"rename/read/{case}"):
            yield (f"AutoWatcher: reading a rename ({title})", f"{run['library_us']:.2f} µs",
                   f"{run['raw_us']:.2f} µs, not followed", "", "")
    if run := find(runs, "burst/mkdir_p"):
        yield ("AutoWatcher: `mkdir -p` of 20,000 directories, user time per directory",
               f"{run['library_user_us']:.2f} µs (all: {run['library_us']:.2f})",
               f"{run['raw_user_us']:.2f} µs (all: {run['raw_us']:.2f})", "", "< 2 µs")
        yield (f"… runs of {run['iterations']} with something missed, with an overflow",
               f"{run['runs_with_a_miss']:.0f}, {run['runs_with_overflow']:.0f}", "", "", "0, 0")
    if run := find(runs, "latency/p50"):
        for who in WATCHERS:
            yield (f"{who}: from the change to the end of a blocking read, median",
                   f"{run[who + '_us']:.1f} µs", f"{run['raw_us']:.1f} µs", "", "")


def table(lines):
    out = ["| CPU time, if nothing else is said | inotify++ | raw system calls | ratio | goal |", "|---|---|---|---|---|"]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def stream_name(name):
    """How a stream was read, in words."""
    who = name.split("/")[1]
    options = dict(part.split(":") for part in name.split("/")[2:])
    if not options:
        return f"{who}, as they come" if who != "raw" else "raw blocking read(2)"
    wait = f"{options['wait_ms']} ms after the first"
    if options["enough"] == "0":
        return f"BatchReader: {wait}"
    if options["wait_ms"] == options["look_ms"]:
        return f"BatchReader: {options['enough']} bytes at once, or {wait}"
    return f"BatchReader: {int(options['enough']) / 1024:.0f} KiB, looked for every {options['look_ms']} ms"


def stream_rows(runs):
    return [(stream_name(name), run) for name, run in runs.items() if name.startswith("stream/")]


def stream_table(lines):
    out = ["| 20,000 events a second, per 100k events | system calls | CPU |", "|---|---|---|"]
    for title, run in lines:
        calls = number(run["syscalls_per_100k"]) if "syscalls_per_100k" in run else "?"
        out.append(f"| {title} | {calls} | {run['cpu_ms_per_100k']:.0f} ms |")
    return "\n".join(out) + "\n"


def machine(context):
    return (f"{context['num_cpus']} cores of {context['cpu']} at {context['mhz_per_cpu']} MHz, "
            f"{context['kernel']}, {context['file_system']}")


def bars(title, lines, top, scale, mark=None):
    """One panel: lines of (label, value, text), the first at height `top`."""
    out = [f'<text x="10" y="{top}" font-weight="bold">{escape(title)}</text>']
    for i, (label, value, text) in enumerate(lines):
        y = top + 12 + 22 * i
        width = min(value * scale, 420)
        fill = "#c44" if mark and value > mark[i] else "#48a"
        out.append(f'<text x="330" y="{y + 13}" text-anchor="end">{escape(label)}</text>'
                   f'<rect x="340" y="{y}" width="{width:.1f}" height="17" fill="{fill}"/>'
                   f'<text x="{346 + width:.1f}" y="{y + 13}">{escape(text)}</text>')
        if mark:
            x = 340 + mark[i] * scale
            out.append(f'<path d="M{x:.1f} {y - 2}v21" stroke="#000" stroke-dasharray="3 2"/>')
    return out, top + 12 + 22 * len(lines)


def plot(context, runs):
    twins = list(twin_rows(runs))
    streams = stream_rows(runs)
    top = 50
    out = []
    if twins:
        ratios = [(f"{who}: {title}", run["ratio_to_raw"], f"{run['ratio_to_raw']:.2f}") for title, who, run, _, _ in twins]
        scale = 400 / max(max(value for _, value, _ in ratios), 1.3)
        panel, top = bars("CPU time, in that of raw system calls (dashed: the goal)", ratios, top, scale,
                          [goal for _, _, _, goal, _ in twins])
        out += panel
    if streams:
        costs = [(title, run["cpu_ms_per_100k"], f"{run['cpu_ms_per_100k']:.0f} ms") for title, run in streams]
        panel, top = bars("CPU time of 100k events, at 20,000 a second", costs, top + 34,
                          400 / max(value for _, value, _ in costs))
        out += panel
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{top + 20}" '
            'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="10" y="22" fill="#555">{escape(machine(context))}</text>')
    return "\n".join([head] + out + ["</svg>\n"])


def replace_between_marks(page, text):
    old = page.read_text()
    before, rest = old.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    page.write_text(before + MARKS[0] + text + MARKS[1] + after)


def publish(where, lines, text, svg):
    replace_between_marks(PAGE, text)
    replace_between_marks(README, where + table(line for line in lines if line[0].startswith(tuple(SHORT))))
    shutil.copyfile(svg, HERE / "results.svg")


def main(results, *options):
    results = Path(results)
    context, runs = load(results)
    where = f"On {machine(context)}:\n\n"
    lines = list(rows(runs, instructions(results)))
    text = where + table(lines)
    if streams := stream_rows(runs):
        text += "\n" + stream_table(streams)
    for extra in sorted(results.glob("comparison*.md")):
        text += "\n" + extra.read_text()
    (results / "table.md").write_text(text)
    svg = results / "results.svg"
    svg.write_text(plot(context, runs))
    print(text)
    print(f"see {os.path.relpath(results / 'table.md')} and {os.path.relpath(svg)}")
    if "--publish" in options:
        publish(where, lines, text, svg)


if __name__ == "__main__":
    main(*sys.argv[1:])
