"""The programs of PyInotify's page, the package "inotify" of dsoprea; see activity.py."""

import logging

from activity import act, load, main, tell

adapters = load("inotify.adapters")
logging.disable()


def told(generator, root):
    for header, names, path, name in generator.event_gen(yield_nones=False, timeout_s=0.05):
        mask = "WD=(%d) MASK=(%d) COOKIE=(%d)" % (header.wd, header.mask, header.cookie != 0)
        tell(root, mask, "|".join(sorted(names)), "WATCH-PATH=[%s] FILENAME=[%s]" % (path, name))


def simple(root, steps):
    generator = adapters.Inotify(block_duration_s=0.05)
    generator.add_watch(root)
    act(root, steps)
    told(generator, root)


def paths(root, steps):
    generator = adapters.Inotify(paths=[root + "/a", root + "/b"], block_duration_s=0.05)
    act(root, steps)
    told(generator, root)


def trees(root, steps):
    generator = adapters.InotifyTrees([root + "/a/s", root + "/b", root + "/a"], block_duration_s=0.05)
    act(root, steps)
    told(generator, root)


def ticks(root, steps):
    """Each step is a cycle of its own: its events, and a None after them."""
    generator = adapters.Inotify(block_duration_s=0)
    generator.add_watch(root)
    events = generator.event_gen()
    for step in steps:
        act(root, [step])
        for event in events:
            tell(root, "None" if event is None else event[3])
            if event is None:
                break


main({"ticks": ticks, "simple": simple, "paths": paths, "trees": trees})
