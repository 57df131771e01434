"""What the originals and the ports do to a directory: steps such as "write a" or "move a b"."""

import os
import sys


def act(root, steps):
    for step in steps:
        verb, *names = step.split()
        one, *others = [os.path.join(root, name) for name in names]
        if verb == "write":
            file = os.open(one, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(file, b"x")
            os.close(file)
        elif verb == "touch":
            os.close(os.open(one, os.O_WRONLY | os.O_CREAT, 0o600))
            os.utime(one)
        elif verb == "move":
            os.rename(one, *others)
        else:
            {"mkdir": os.mkdir, "rmdir": os.rmdir, "remove": os.unlink}[verb](one)


def load(name):
    """The original; where it is not installed the test that wants it is skipped."""
    try:
        return __import__(name, fromlist=["*"])
    except ImportError as missing:
        print(missing)
        sys.exit(77)


def tell(root, *words):
    """One line, with what is below `root` as it is called there."""
    line = " ".join(str(word) for word in words)
    print(line.replace(root + "/", "").replace(root, "."), flush=True)


def main(programs):
    """PROGRAM ROOT STEP...: does the steps while that program watches, and prints what it tells."""
    program, root, *steps = sys.argv[1:]
    programs[program](root, steps)
