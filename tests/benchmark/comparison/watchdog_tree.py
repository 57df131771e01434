"""Prints the path of each event below a directory, with watchdog."""
import sys

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer


class Print(FileSystemEventHandler):
    def on_any_event(self, event):
        print(event.src_path, flush=True)


observer = Observer()
observer.schedule(Print(), sys.argv[1], recursive=True)
observer.start()
observer.join()
