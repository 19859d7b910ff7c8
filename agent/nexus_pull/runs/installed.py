"""What ansible-galaxy installed for which entry: its own notes do not say from which address, branch or commit it is."""

import contextlib
import os
import re
import subprocess

from nexus_pull import files, process
from nexus_pull.runs import wanted

ASK_TIMEOUT_S = 60
# Of each kind: the folder of all, how deep below it one lies, and the file that each has.
LAYOUT = {"collection": ("ansible_collections/", 2, "MANIFEST.json"), "role": ("", 1, "meta/.galaxy_install_info")}
NOTE_VERSION = re.compile(r"^version:[ \t]*['\"]?([^'\"\n]*?)['\"]?[ \t]*$", re.MULTILINE)


class Installed:
    """`paths`.installed: {an entry's key: {commit, moves, gives}}. `moves`: a branch, asked for its commit at each run."""

    def __init__(self, paths, checkout, log):
        self._paths, self._checkout, self._log = paths, checkout, log
        self._known = files.read_json(paths.installed) or {}
        self._asked = {}

    def gave(self, name):
        """Whether it was installed from here, for whatever entry."""
        return any(name in known["gives"] for known in self._known.values())

    def has(self, one, target):
        """Whether what lies in `target` is what the entry asks for now."""
        known = self._known.get(wanted.key(one.entry))
        if known is None or not all(os.path.lexists("%s/%s" % (target, name)) for name in known["gives"]):
            return False
        if known.get("stamp") != self._stamp(one):
            return False
        if not known["moves"]:
            return True
        commit, _ = self._ask(one)
        if commit is None:
            self._log.line("%s: %s cannot be asked for its newest commit; what is installed stays" % (one.name, one.git))
        return commit in (None, known["commit"])

    def begin(self, lacking, kind, target):
        """Before ansible-galaxy is started. A branch that moves on meanwhile is asked for again by the next run."""
        for one in lacking:
            if one.git:
                self._ask(one)
        return stamps(kind, target)

    def remember(self, lacking, kind, target, before):
        """After a success of ansible-galaxy. `before`: what `begin` gave."""
        after = stamps(kind, target)
        gives = sorted(name for name, stamp in after.items() if before.get(name) != stamp)
        for one in lacking:
            commit, moves = self._ask(one) if one.git else (None, False)
            known = {"commit": commit, "moves": moves, "gives": gives, "stamp": self._stamp(one)}
            self._known[wanted.key(one.entry)] = known
        files.write_json(self._paths.installed, self._known)

    def _stamp(self, one):
        """Of a folder or file of the commit: which commit. It is installed anew with each."""
        if one.git or not wanted.under(one.entry, self._checkout):
            return None
        with open(self._checkout + "/.git/HEAD", encoding="ascii", errors="replace") as stream:
            return stream.read().strip()

    def _ask(self, one):
        """(commit, whether it may be another tomorrow) of a git source, or (None, True)."""
        if wanted.is_commit(one.version):
            return one.version, False
        if one.git not in self._asked:
            self._asked[one.git] = self._refs(one.git)
        refs = self._asked[one.git]
        if refs is None:
            return None, True
        name = one.version if one.version not in ("", "*") else "HEAD"
        for ref, moves in (("refs/tags/%s^{}", False), ("refs/tags/%s", False), ("refs/heads/%s", True), ("%s", True)):
            if ref % name in refs:
                return refs[ref % name], moves
        return None, True

    def _refs(self, address):
        env = process.account_environment(self._paths, GIT_TERMINAL_PROMPT="0", GIT_SSH_COMMAND="ssh -o BatchMode=yes")
        argv = ["git", "ls-remote", "--", address]
        try:
            done = subprocess.run(
                argv, env=env, cwd=self._checkout, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_TIMEOUT_S, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        pairs = (line.split("\t", 1) for line in done.stdout.decode(errors="replace").splitlines() if "\t" in line)
        return {ref: commit for commit, ref in pairs}


def stamps(kind, target):
    """{path below `target` of each that is installed: when}."""
    base, depth, manifest = LAYOUT[kind]
    names = [""]
    for _ in range(depth):
        names = ["%s/%s" % (name, inner) for name in names for inner in _listed("%s/%s%s" % (target, base, name))]
    found = {}
    for name in names:
        path = base + name[1:]
        with contextlib.suppress(OSError):
            found[path] = os.stat("%s/%s/%s" % (target, path, manifest)).st_mtime_ns
    return found


def role_version(place):
    """What galaxy's note in an installed role says, or None."""
    try:
        with open(place + "/meta/.galaxy_install_info", encoding="utf-8", errors="replace") as stream:
            found = NOTE_VERSION.search(stream.read())
    except OSError:
        return None
    return found.group(1) if found else None


def _listed(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []
