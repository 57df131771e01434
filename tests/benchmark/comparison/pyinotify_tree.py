"""Prints the path of each event below a directory, with pyinotify."""
import sys

import pyinotify


class Print(pyinotify.ProcessEvent):
    def process_default(self, event):
        print(event.pathname, flush=True)


manager = pyinotify.WatchManager()
mask = (pyinotify.IN_CREATE | pyinotify.IN_DELETE | pyinotify.IN_MOVED_FROM | pyinotify.IN_MOVED_TO
        | pyinotify.IN_MODIFY | pyinotify.IN_CLOSE_WRITE)
notifier = pyinotify.Notifier(manager, Print())
manager.add_watch(sys.argv[1], mask, rec=True, auto_add=True)
notifier.loop()
