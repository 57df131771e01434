#!/usr/bin/env python3
"""Compares inotify++ with what one would take instead: same tree, same events, CPU time.

    compare.py BUILD [DIRECTORIES FILES]

BUILD holds what CMake built of this directory. Each contender is a process of its own that follows the
tree and prints the path of each event to a file. Its CPU time is that of all its threads, as the kernel
counts it; of the set-up, the same on an empty directory is taken off, which is what an interpreter needs
to start. Who is told of events one by one also prints them one by one; who reads many at once prints them
at once. What is not installed is skipped, and named; on Debian there are inotify-tools, fswatch,
python3-pyinotify, python3-watchdog, libglib2.0-dev and libuv1-dev. Prints a table in Markdown.
"""
import glob
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS = 3
CHANGED_FILES = 3000
PAUSE = 0.01  # seconds after each PER_PAUSE files: no contender is to be overrun
PER_PAUSE = 10
EVENTS = "create,modify,close_write,delete,move"


def contenders(build):
    """(name, command, whether it is here) of each; the directory stands for "{}", or goes last."""
    def program(name, executable, *options):
        return name, [executable, *options], shutil.which(executable)

    def built(name, executable, *options):
        path = build / executable
        return name, [str(path), "{}", *options], path.exists()

    def script(name, module):
        # The distribution's modules are for the distribution's interpreter.
        for python in (sys.executable, "/usr/bin/python3"):
            if subprocess.run([python, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0:
                return name, [python, str(HERE / f"{module}_tree.py")], True
        return name, [], False

    return [
        built("inotify++ AutoWatcher", "compare_inotifypp"),
        built("inotify++ AutoWatcher, BatchReader 20 ms", "compare_inotifypp", "batched"),
        program("inotifywait -m -r (inotify-tools)", "inotifywait", "-q", "-m", "-r", "-e", EVENTS),
        # It reads once per latency period, and its own listing fills the queue.
        program("fswatch -r -l 0.1 --allow-overflow", "fswatch", "-r", "-l", "0.1", "--allow-overflow"),
        script("pyinotify, rec and auto_add", "pyinotify"),
        script("watchdog, recursive", "watchdog"),
        built("GLib GFileMonitor, one per directory", "compare_glib"),
        built("libuv uv_fs_event_t, one per directory", "compare_libuv"),
        ("Qt QFileSystemWatcher", [], False),
    ]


class Process:
    """A contender that follows `root`."""

    def __init__(self, command, root, output):
        if "{}" in command:
            command = [root if word == "{}" else word for word in command]
        else:
            command = command + [root]
        self.process = subprocess.Popen(command, stdout=output)

    def cpu(self):
        """Seconds, of all threads, those included that have ended: clock_getcpuclockid(3)."""
        scheduler = 2
        return time.clock_gettime(~self.process.pid << 3 | scheduler)

    def watches(self):
        """How many the kernel holds for it."""
        count = 0
        for info in glob.glob(f"/proc/{self.process.pid}/fdinfo/*"):
            count += sum(line.startswith("inotify wd:") for line in Path(info).read_text().splitlines())
        return count

    def settle(self):
        """Waits until it does nothing any more; returns its CPU time then."""
        idle = 0
        before = -1.0
        while idle < 8:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args[0]} ended with {self.process.returncode}")
            time.sleep(0.1)
            now = self.cpu()
            idle = idle + 1 if now - before < 0.0002 else 0
            before = now
        return before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def make_files(directories, turn):
    """Creates, writes and closes files all over the tree, at a rate that all can follow."""
    draw = random.Random(turn)
    paths = [f"{draw.choice(directories)}/changed-{turn}-{i}" for i in range(CHANGED_FILES)]
    for i, path in enumerate(paths):
        with open(path, "wb") as file:
            file.write(b"x")
        if i % PER_PAUSE == 0:
            time.sleep(PAUSE)
    return paths


def measure(command, directories, start_up, turn):
    """One round: microseconds per directory, microseconds per file, watches, share of files told."""
    with tempfile.TemporaryFile() as output, Process(command, directories[0], output) as process:
        set_up = process.settle()
        watches = process.watches()
        paths = make_files(directories, turn)
        after = process.settle()
        output.seek(0)
        told = set(re.findall(rb"changed-\d+-\d+", output.read()))
    for path in paths:
        os.unlink(path)
    return ((set_up - start_up) * 1e6 / len(directories), (after - set_up) * 1e6 / len(paths), watches,
            len(told) / len(paths))


def start_up_of(command):
    with tempfile.TemporaryDirectory() as empty, open(os.devnull, "wb") as output:
        with Process(command, empty, output) as process:
            return process.settle()


def main(build, directories="10000", files="50000"):
    build = Path(build)
    tree = subprocess.Popen([str(build / "inotify_tree"), directories, files], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    paths = [line.rstrip("\n") for line in iter(tree.stdout.readline, "\n")]
    runs = {}
    failures = {}
    here = [(name, command) for name, command, found in contenders(build) if found]
    try:
        start_ups = {name: start_up_of(command) for name, command in here}
        for turn in range(ROUNDS):
            for name, command in here:
                try:
                    runs.setdefault(name, []).append(measure(command, paths, start_ups[name], turn))
                except RuntimeError as error:
                    failures[name] = str(error)
    finally:
        tree.communicate()
    print(f"| the same {len(paths):,} directories and {int(files):,} files; CPU time | set-up, per directory "
          "| per file created, written, closed | watches | files told |")
    print("|---|---|---|---|---|")
    for name, rounds in runs.items():
        if name in failures:
            continue
        set_up, per_file, watches, told = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name} | {set_up:.1f} µs | {per_file:.1f} µs | {watches:,.0f} | {told:.1%} |")
    for name, error in failures.items():
        print(f"\nFailed: {name}: {error}.")
    missing = [name for name, _, found in contenders(build) if not found]
    if missing:
        print(f"\nSkipped, as not installed: {'; '.join(missing)}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
