"""This program's modules, compiled. A zip application is compiled anew at each start, git's two questions for a credential
included, and that takes longer than most of what a run adds to ansible-pull.

Kept below /run, which is memory and root's alone, for one program file as it lies there and one Python. The code that is kept
is the code that ran; whatever is wrong with the file, the program itself is compiled. Only the archive's start uses this.
"""

import contextlib
import marshal
import os
import sys
import time
import zipimport

# A program that has just been replaced: which one Python has opened is not known for sure.
SETTLED_S = 5


class Compiled:
    """A finder of the package's modules in `program`, an archive, by what is kept in `folder`."""

    def __init__(self, program, folder):
        self._zip = zipimport.zipimporter(program)
        self._program, self._path = program, folder + "/compiled"
        self._key = self._identity()
        self._codes = self._kept()
        self._known = len(self._codes)

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("nexus_pull."):
            return None
        if name not in self._codes:
            place = name.replace(".", "/")
            self._codes[name] = (self._zip.is_package(place), self._zip.get_code(place))
        return type(__spec__)(name, self, is_package=self._codes[name][0])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self._codes[module.__name__][1], module.__dict__)

    def keep(self):
        """For the next start, when there is more than before."""
        if self._key is None or len(self._codes) == self._known:
            return
        from nexus_pull import files

        try:
            if self._identity() == self._key:
                files.write(self._path, marshal.dumps((self._key, self._codes)))
        except OSError:
            files.remove(self._path + files.NEW_SUFFIX)

    def _identity(self):
        about = os.stat(self._program)
        if time.time() - about.st_mtime < SETTLED_S:
            return None
        times = (about.st_mtime_ns, about.st_ctime_ns)
        return (self._program, about.st_dev, about.st_ino, about.st_size, *times, sys.version)

    def _kept(self):
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(self._path, "rb") as stream:
            about = os.fstat(stream.fileno())
            if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
                key, codes = marshal.load(stream)
                if key == self._key:
                    return codes
        return {}


def start():
    """Run the command line."""
    folder = os.environ.get("NEXUS_PULL_ROOT", "").rstrip("/") + "/run/nexus-pull"
    compiled = Compiled(sys.argv[0], folder)
    sys.meta_path.insert(0, compiled)
    try:
        from nexus_pull.cli import main

        return main()
    finally:
        compiled.keep()
