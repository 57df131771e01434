"""The example programs of pyinotify, shortened to what they are about; see activity.py."""

import threading

from activity import act, load, main, tell

pyinotify = load("pyinotify")
pyinotify.log.setLevel(100)


def drain(notifier):
    while notifier.check_events(timeout=0):
        notifier.read_events()
        notifier.process_events()


class Known(pyinotify.ProcessEvent):
    """Tells what its functions are called for, and notices the end of the activity."""

    def my_init(self, root):
        self.root = root
        self.end = threading.Event()

    def process_IN_CREATE(self, event):
        tell(self.root, "Creating:", event.pathname)

    def process_IN_DELETE(self, event):
        tell(self.root, "Removing:", event.pathname)
        if event.name == "end":
            self.end.set()


def tutorial(root, steps):
    manager = pyinotify.WatchManager()
    handler = Known(root=root)
    notifier = pyinotify.ThreadedNotifier(manager, handler)
    notifier.start()
    watches = manager.add_watch(root, pyinotify.IN_DELETE | pyinotify.IN_CREATE, rec=True)
    act(root, steps)
    handler.end.wait(30)
    manager.rm_watch(list(watches.values()))
    notifier.stop()


def told_counts(root, counts, *words):
    for name, count in sorted(counts._stats.items()):
        if name != "IN_ISDIR":
            tell(root, *words, name, count)


def stats(root, steps):
    manager = pyinotify.WatchManager()
    counts = pyinotify.Stats()
    notifier = pyinotify.Notifier(manager, counts)
    manager.add_watch(root, pyinotify.ALL_EVENTS, rec=True, auto_add=True)
    drain(notifier)  # its own walk
    counts._stats.clear()
    act(root, steps)
    drain(notifier)
    told_counts(root, counts)


class Identity(pyinotify.ProcessEvent):
    """After the statistics; notices the end of the activity."""

    def my_init(self):
        self.end = threading.Event()

    def process_IN_ATTRIB(self, event):
        if event.name == "a":
            self.end.set()


def stats_threaded(root, steps):
    walk = pyinotify.IN_OPEN | pyinotify.IN_ACCESS | pyinotify.IN_CLOSE_NOWRITE
    threads = []
    for mask, rec in ((pyinotify.ALL_EVENTS & ~walk, True), (pyinotify.ALL_EVENTS, False)):
        manager = pyinotify.WatchManager()
        counts = pyinotify.Stats()
        handler = Identity(counts)
        notifier = pyinotify.ThreadedNotifier(manager, handler)
        notifier.start()
        manager.add_watch(root, mask, rec=rec)
        threads.append((notifier, handler, counts))
    act(root, steps)
    for number, (notifier, handler, counts) in enumerate(threads, 1):
        handler.end.wait(30)
        notifier.stop()
        told_counts(root, counts, "Thread", number)


def exclude(root, steps):
    manager = pyinotify.WatchManager()
    act(root, steps)
    patterns = ["^" + root + pattern for pattern in ("/apache[2]?/", "/rc.*", "/hostname", "/cups/no")]
    given = [root + "/" + name for name in ("hostname", "cups", "rc0.d")]
    result = manager.add_watch(
        given, pyinotify.ALL_EVENTS, rec=True, exclude_filter=pyinotify.ExcludeFilter(patterns)
    )
    for path, wd in sorted(result.items()):
        tell(root, path, "excluded" if wd == -2 else "watched" if wd > 0 else "failed")


class Transient(pyinotify.ProcessEvent):
    def process_IN_MODIFY(self, event):
        print("written")

    def process_default(self, event):
        print({"IN_CREATE": "appeared", "IN_DELETE": "disappeared"}[event.maskname])


def transient(root, steps):
    manager = pyinotify.WatchManager()
    notifier = pyinotify.Notifier(manager)
    manager.watch_transient_file(root + "/test1234", pyinotify.IN_MODIFY, Transient)
    for step in steps:
        act(root, [step])
        drain(notifier)


class Print(pyinotify.ProcessEvent):
    def my_init(self, root):
        self.root = root

    def process_default(self, event):
        tell(self.root, event.maskname, event.pathname)


def coalesce(root, steps):
    manager = pyinotify.WatchManager()
    notifier = pyinotify.Notifier(manager, Print(root=root))
    notifier.coalesce_events()
    manager.add_watch(root, pyinotify.ALL_EVENTS)
    act(root, steps)
    drain(notifier)


class Modifications(pyinotify.ProcessEvent):
    def process_IN_MODIFY(self, event):
        print("IN_MODIFY")


class Outer(pyinotify.ProcessEvent):
    def my_init(self, msg):
        self.msg = msg

    def process_default(self, event):
        print(self.msg)


def chain(root, steps):
    manager = pyinotify.WatchManager()
    handler = Outer(Modifications(Print(root=root)), msg="Outer chained method")
    notifier = pyinotify.Notifier(manager, handler)
    manager.add_watch(root, pyinotify.ALL_EVENTS)
    act(root, steps)
    drain(notifier)


class Renames(pyinotify.ProcessEvent):
    def my_init(self, root):
        self.root = root

    def process_IN_MOVED_FROM(self, event):
        self.process_IN_MOVED_TO(event)

    def process_IN_MOVED_TO(self, event):
        source = getattr(event, "src_pathname", None)
        kind = "dir" if event.dir else "file"
        tell(self.root, event.maskname, event.pathname, "from", source, kind)

    def process_default(self, event):
        pass


def rename(root, steps):
    manager = pyinotify.WatchManager()
    notifier = pyinotify.Notifier(manager, Renames(root=root))
    mask = pyinotify.IN_MOVED_FROM | pyinotify.IN_MOVED_TO
    manager.add_watch(root, mask, rec=True, auto_add=True)
    for step in steps:
        act(root, [step])
        drain(notifier)


main(
    {
        "tutorial": tutorial,
        "stats": stats,
        "stats_threaded": stats_threaded,
        "exclude": exclude,
        "transient": transient,
        "coalesce": coalesce,
        "chain": chain,
        "rename": rename,
    }
)
