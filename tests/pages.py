#!/usr/bin/env python3
"""Fails if a page of this repository (*.md) shows code that does not compile, output that is not what comes
out, a command or a name that there is not, or a link that leads nowhere; or if a comment refers to what no page has.

    pages.py SOURCE COMPILER [FLAG...]                           all pages; programs are compiled only
    pages.py SOURCE COMPILER [FLAG...] --page FILE               that page alone
    pages.py SOURCE COMPILER [FLAG...] --installed LIBDIR SCRATCH
        compiles, links and runs what has an output, against the library that is installed there: README's
        program by the CMake block and by the compiler's line that README shows

A block stands in a fence that names its language, and may follow a comment that says how it is tested:
  cpp    a program, if it has a main(); else a part of a function, in which inotify.hpp is included, and whose
         beginning is the comment `<!-- given: CODE -->`
  sh     is looked at: its syntax, the files and presets it names; and run, if an output follows
  cmake  the CMakeLists.txt of the program before it
  text   `<!-- output -->`: what the block before it prints, or with `<!-- output of: CODE -->` that code;
         `<!-- output, in DIR: COMMANDS -->`: if they are run there while the program waits for events,
         each line when it has taken note of the one before;
         `but for numbers` may follow `output` or `output of`. Otherwise `<!-- figure -->`.
"""
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INCLUDES = ["chrono", "filesystem", "fstream", "functional", "future", "iostream", "string", "thread", "vector",
            "inotify/inotify.hpp"]
LANGUAGES = ["cpp", "sh", "cmake", "text"]
# Names that no header has: CMake's, the originals', and what stands for a user's.
OTHER_NAMES = {"add_subdirectory", "FetchContent", "InotifyTrees", "ignore", "watcher_or_fd"}
DEADLINE = 60  # seconds, for what takes milliseconds


class Block:
    """A fenced block: where it stands, its text, and what the comment above it says."""

    def __init__(self, page, line, language, text, comment):
        self.page, self.line, self.language, self.text = page, line, language, text
        self.given = comment[len("given:"):].strip() if comment.startswith("given:") else ""
        output = re.match(r"output( of)?(,? but for numbers)?(?:, in (\S+))?(?::\s*(.*))?$", comment, re.S)
        self.is_output = output is not None
        self.is_figure = comment == "figure"
        code, numbers, self.directory, rest = output.groups() if output else (None,) * 4
        self.any_numbers = numbers is not None
        self.commands = rest if self.directory else None
        self.code = rest if code else None

    @property
    def is_program(self):
        return re.search(r"^int main\(", self.text, re.M) is not None

    def __str__(self):
        return f"{self.page}:{self.line}"


class Pages:
    def __init__(self, source):
        self.source = source
        self.wrong = []

    def refuse(self, where, why):
        self.wrong.append(f"{where}: {why}")

    def files(self):
        return [path for path in sorted(self.source.glob("**/*.md"))
                if not re.match(r"(build|\.)", str(path.relative_to(self.source)))]

    def blocks(self, file):
        """The blocks of a page, in order; refuses those whose language is not said."""
        page, blocks, comment, lines = os.path.relpath(file, self.source), [], "", file.read_text().split("\n")
        at = 0
        while at < len(lines):
            fence = re.match(r"( *)```(.*)$", lines[at])
            if fence:
                end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == "```"), len(lines))
                text = "\n".join(line[len(fence[1]):] for line in lines[at + 1:end]) + "\n"
                blocks.append(Block(page, at + 2, fence[2], text, comment))
                if fence[2] not in LANGUAGES:
                    self.refuse(blocks[-1], f"a block in '{fence[2]}', which is none of {', '.join(LANGUAGES)}")
                at, comment = end, ""
            elif lines[at].startswith("<!--"):
                end = next((i for i in range(at, len(lines)) if "-->" in lines[i]), len(lines) - 1)
                comment = "\n".join(lines[at:end + 1])[4:].split("-->")[0].strip()
                at = end
            elif lines[at].startswith("    ") and at > 0 and not lines[at - 1].strip():
                self.refuse(f"{page}:{at + 1}", "a block without a fence, whose language nobody knows")
            elif lines[at].strip():
                comment = ""
            at += 1
        return blocks

    # ---- links

    def anchors(self, file):
        """What a link to the page may have behind its '#'."""
        text = re.sub(r"^ *```.*?^ *```$", "", file.read_text(), flags=re.M | re.S)
        headings = re.findall(r"^#+ (.*)$", text, re.M)
        slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
        return set(slugs) | set(re.findall(r'<a id="([^"]+)">', text))

    def check_links(self, file):
        page, text = os.path.relpath(file, self.source), re.sub(r"`[^`\n]*`", "", file.read_text())
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            led_to = (file.parent / path).resolve() if path else file
            if not led_to.exists():
                self.refuse(page, f"a link to {target}, which there is not")
            elif anchor and anchor not in self.anchors(led_to):
                self.refuse(page, f"a link to {target}, which has no such anchor")

    def check_mentions(self):
        """Comments that name a page and a heading: `tests/README.md, "Running them"`."""
        for file in sorted(self.source.glob("[eist]*/**/*.[ch]pp")):
            text = re.sub(r"\n *//+ *", " ", file.read_text())
            for page, heading in re.findall(r'([\w/]*README(?:\.md)?), "([^"]+)"', text):
                led_to = self.source / (page if page.endswith(".md") else page + ".md")
                if not led_to.exists() or not re.search(f"^#+ {re.escape(heading)}$", led_to.read_text(), re.M):
                    self.refuse(os.path.relpath(file, self.source), f'there is no {page}, "{heading}"')

    # ---- names

    def check_names(self, file):
        """Refuses `names` in the text that no header has (of a table of migration: on the right), and tests."""
        page = os.path.relpath(file, self.source)
        for line in re.sub(r"^ *```.*?^ *```$", "", file.read_text(), flags=re.M | re.S).split("\n"):
            for test in re.findall(r"`(\w+_test)`", line):
                if not (self.source / "tests" / f"{test}.cpp").exists():
                    self.refuse(page, f"there is no {test}")
            if "migrating/" in page and line.startswith("|"):
                line = line.split("|", 2)[2]
            for span in re.findall(r"`([^`]+)`", line):
                if re.search(r"_test$|^INOTIFY_", span) or page.startswith("src/"):
                    continue
                if re.search(r"::|[({]|^[A-Za-z]+_\w+$|^[A-Z]\w+$", span):
                    for name in set(re.findall(r"[A-Za-z_]\w+", span)) - self.names():
                        self.refuse(page, f"no header has {name}, of `{span}`")

    @functools.lru_cache(maxsize=None)
    def names(self):
        """What may be meant by a name: what the headers say, and the bits of inotify(7)."""
        files = [*self.source.glob("include/inotify/*.hpp"), self.source / "src" / "mask.cpp"]
        text = " ".join(file.read_text() for file in files)
        return set(re.findall(r"\w+", text)) | OTHER_NAMES

    # ---- commands

    def check_commands(self, block):
        syntax = subprocess.run(["bash", "-n"], input=block.text, text=True, stderr=subprocess.PIPE)
        if syntax.returncode != 0:
            self.refuse(block, syntax.stderr.strip())
        presets = json.loads((self.source / "CMakePresets.json").read_text())["configurePresets"]
        names = {preset["name"] for preset in presets}
        commands = re.sub(r"#.*", "", block.text)
        for preset in re.findall(r"(?:--preset|\btests/run) +([a-z][\w-]*)", commands):
            if preset not in names:
                self.refuse(block, f"there is no preset {preset}")
        for word in re.findall(r"(?<![\w./$'\"-])(?:\./)?((?:[a-z.][\w.-]*/)+[\w.-]+)", commands):
            if not word.startswith("build/") and not (self.source / word).exists():
                self.refuse(block, f"there is no {word}")

    # ---- comparison

    def compare(self, block, printed, is_whole=True):
        """Refuses `printed` if it is not what the block shows, or does not begin with it."""
        shown, said = normal(block, block.text), normal(block, printed)
        if not is_whole:
            said = said[:len(shown)]
        if shown != said:
            self.refuse(block, "the output is another:\n    " + "\n    ".join(printed.rstrip("\n").split("\n")))


def normal(block, text):
    """The lines of an output, without what differs each time."""
    cookies = {}
    text = re.sub(r"cookie=(\d+)", lambda m: f"cookie=#{cookies.setdefault(m[1], len(cookies))}", text)
    if block.any_numbers:  # in a user namespace the sysctl that binds may have another name
        text = re.sub(r"\d+", "N", text.replace("user.max_inotify_watches", "fs.inotify.max_user_watches"))
        return text.split()
    return text.rstrip("\n").split("\n")


# ---- what is compiled only


def unit(parts, is_main):
    """One translation unit of all parts of functions; with a main() that runs the one whose number it is given."""
    lines = [f"#include <{header}>" for header in INCLUDES]
    for number, (where, given, text) in enumerate(parts):
        lines += [f"static void block_{number}() {{", "using namespace std::chrono_literals;", given,
                  f'#line {where.line} "{where.page}"', text.rstrip("\n"), "}"]
    calls = [f"if (argv[1] == std::string(\"{number}\")) block_{number}();" for number in range(len(parts))]
    main = "int main(int, char** argv)" if is_main else "void all(char** argv);\nvoid all(char** argv)"
    return "\n".join(lines + [f"{main} {{", *calls, "}", ""])


def check_compilation(pages, blocks, compiler):
    parts = [(block, block.given, block.text) for block in blocks if block.language == "cpp" and not block.is_program]
    parts += [(block, "", block.code) for block in blocks if block.code]
    units = [unit(parts, False)] if parts else []
    for block in blocks:
        if block.language == "cpp" and block.is_program:
            units.append(f'#line {block.line} "{block.page}"\n{block.text}')
    for text in units:
        command = [*compiler, "-std=c++20", "-fsyntax-only", f"-I{pages.source}/include", "-x", "c++", "-"]
        done = subprocess.run(command, input=text, text=True, stderr=subprocess.PIPE)
        if done.returncode != 0:
            pages.refuse("does not compile", done.stderr.strip())


def check_all(pages, files, compiler):
    all_blocks = []
    for file in files:
        pages.check_links(file)
        pages.check_names(file)
        blocks = pages.blocks(file)
        all_blocks += blocks
        for before, block in zip([None, *blocks], blocks):
            if block.language == "sh":
                pages.check_commands(block)
            elif block.language == "text" and not block.is_output and not block.is_figure:
                pages.refuse(block, "neither an output nor a figure, if it is asked")
            if block.is_output and not block.code and before and before.language == "sh":
                done = subprocess.run(["bash", "-c", before.text], cwd=pages.source, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                pages.compare(block, done.stdout)
    check_compilation(pages, all_blocks, compiler)
    return len(all_blocks)


# ---- what is run


class Program:
    """A program that prints events, held still while something happens to what it watches."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.proc = Path("/proc") / str(self.process.pid)

    def status(self, key):
        return re.search(rf"^{key}:\s*(\S+)", (self.proc / "status").read_text(), re.M)[1]

    def watches(self):
        try:
            return any("inotify wd:" in file.read_text() for file in (self.proc / "fdinfo").iterdir())
        except FileNotFoundError:  # a descriptor that has been closed meanwhile
            return False

    def switches(self):
        return int(self.status("voluntary_ctxt_switches"))

    def until(self, what):
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None and not what():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.process.args}: not {what.__name__}")
            time.sleep(0.002)

    def wait_idle(self, since):
        """Until it sleeps, alone, and has done so for a while, after `since` context switches."""
        def idle():
            before = self.switches()
            time.sleep(0.05)
            return (self.watches() and len(list((self.proc / "task").iterdir())) == 1 and since < before and
                    self.status("State") == "S" and self.switches() == before)
        self.until(idle)

    def act(self, commands, directory):
        self.wait_idle(-1)
        self.process.send_signal(signal.SIGSTOP)
        self.until(lambda: self.status("State") == "T")
        since = self.switches()
        subprocess.run(["bash", "-ec", commands], cwd=directory, check=True)
        self.process.send_signal(signal.SIGCONT)
        try:
            self.wait_idle(since)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended

    def output(self):
        return self.process.communicate(timeout=DEADLINE)[0]


def run(pages, block, command, scratch, environment, is_part):
    """Runs what prints what the block shows, and compares. A part ends by itself, README's program with the tree."""
    if not block.commands:
        done = subprocess.run(command, env=environment, text=True, timeout=DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        pages.compare(block, done.stdout)
        return
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    program = Program(command, environment)
    try:
        for commands in block.commands.split("\n"):
            program.act(commands, scratch)
        if is_part:
            program.process.wait(DEADLINE)
        shutil.rmtree(scratch)  # nothing is watched any more: it ends
        printed = program.output().replace(str(scratch), block.directory)
    finally:
        program.process.kill()
    pages.compare(block, printed, is_whole=False)
    if program.process.returncode != 0:
        pages.refuse(block, f"the program ended with {program.process.returncode}")


def build(pages, block, command, directory, environment):
    done = subprocess.run(command, cwd=directory, env=environment, text=True, timeout=2 * DEADLINE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        pages.refuse(block, f"{command} failed:\n{done.stdout}")
    return done.returncode == 0


def check_installed(pages, compiler, libdir, work):
    blocks = [block for file in pages.files() for block in pages.blocks(file)]
    shutil.rmtree(work, ignore_errors=True)
    (work / "bin").mkdir(parents=True)
    place = os.environ.get("INOTIFY_TEST_DIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
    with tempfile.TemporaryDirectory(prefix="inotify-pages-", dir=place) as scratch:
        watched = Path(scratch) / "watched"
        environment = dict(os.environ, PKG_CONFIG_PATH=f"{libdir}/pkgconfig", LD_LIBRARY_PATH=str(libdir),
                           PATH=f"{work}/bin:{os.environ['PATH']}")
        # c++ of the pages is the compiler that the library was built with.
        command = " ".join(shlex.quote(word) for word in [shutil.which(compiler[0]), *compiler[1:]])
        (work / "bin" / "c++").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (work / "bin" / "c++").chmod(0o755)
        parts = []
        for before, block in zip([None, *blocks], blocks):
            if block.code:
                parts.append((block, (block, "", block.code)))
            elif block.is_output and before.language == "cpp" and not before.is_program:
                parts.append((block, (before, before.given, before.text)))
            elif block.is_output and before.language == "cpp":
                run_program(pages, before, block, blocks, work, watched, environment, libdir)
        sources = [(where, *(text.replace(block.directory or "\0", str(watched)) for text in texts))
                   for block, (where, *texts) in parts]
        (work / "parts.cpp").write_text(unit(sources, True))
        line = "c++ -std=c++20 parts.cpp -o parts $(pkg-config --cflags --libs --static inotify++)"
        if parts and build(pages, parts[0][0], ["sh", "-c", line], work, environment):
            for number, (block, _) in enumerate(parts):
                run(pages, block, [work / "parts", str(number)], watched, environment, True)
    return len(parts)


def run_program(pages, program, output, blocks, work, watched, environment, libdir):
    """Builds README's program in each way that README shows, and runs it."""
    directory = work / "program"
    directory.mkdir()
    (directory / "main.cpp").write_text(program.text.replace(output.directory or "\0", str(watched)))
    ways = []
    for block in blocks:
        if block.page != program.page:
            continue
        if block.language == "cmake":
            (directory / "CMakeLists.txt").write_text(block.text)
            ways.append((block, ["sh", "-ec", f"cmake -S . -B build -Dinotify_DIR='{libdir}/cmake/inotify' "
                                 "-DCMAKE_CXX_COMPILER=c++ && cmake --build build"], directory / "build" / "mine"))
        elif block.language == "sh" and block.text.startswith("c++ ") and shutil.which("pkg-config"):
            text = block.text.replace("--libs", "--libs --static") if list(libdir.glob("*.a")) else block.text
            ways.append((block, ["sh", "-ec", text], directory / "a.out"))
    for block, command, made in ways:
        if build(pages, block, command, directory, environment):
            run(pages, output, [made], watched, environment, False)


def main(source, *arguments):
    pages = Pages(Path(source).resolve())
    arguments = list(arguments)
    if "--installed" in arguments:
        at = arguments.index("--installed")
        libdir, work = (Path(argument) for argument in arguments[at + 1:at + 3])
        print(check_installed(pages, arguments[:at], libdir, work), "parts and README's program were run", flush=True)
    else:
        files = pages.files()
        if "--page" in arguments:
            at = arguments.index("--page")
            files = [Path(arguments[at + 1]).resolve()]
            del arguments[at:]
        else:
            pages.check_mentions()
        print(check_all(pages, files, arguments), "blocks of", len(files), "pages", flush=True)
    if pages.wrong:
        sys.exit("\n".join(pages.wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
