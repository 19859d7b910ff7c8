"""The accepted commit as files, with its submodules: what ansible will read, before ansible reads it.

ansible-pull's own checkout would ask the mirror for submodules with a relative address, clone each of them anew at every run,
and say why it failed in words of its own. Mirrors of submodules stay, as the mirror of the source does.
"""

import hashlib
import os
import re

from nexus_pull import files, process
from nexus_pull.errors import AgentError
from nexus_pull.source import failures

DEEPEST = 8
# Of a submodule's address; "ext::" and its kin would be programs of the repository's choice.
SCHEMES = re.compile(r"(?:https?|ssh)://|[A-Za-z0-9._-]+@[^/:]+:")
GITLINK = re.compile(r"160000 ([0-9a-f]{40,64}) 0\t(.+)", re.DOTALL)


class Checkout:
    """Makes work trees out of mirrors. `git`: program.Git of the source."""

    def __init__(self, paths, source, git, log):
        self._paths, self._source, self._git, self._log = paths, source, git, log

    def make(self, commit, folder):
        """Raises AgentError. What tasks read has the modes that it would have by hand."""
        before = os.umask(0o022)
        try:
            self._tree(self._paths.mirror, self._source["url"], commit, folder, 0)
        finally:
            os.umask(before)

    def _tree(self, mirror, url, commit, folder, depth):
        self._must("clone", "--quiet", "--no-checkout", "--", mirror, folder)
        # What a relative submodule's address is relative to, and what somebody sees who looks for where this is from.
        self._must("-C", folder, "remote", "set-url", "origin", url)
        self._must("-C", folder, "checkout", "--quiet", "--force", "--detach", commit)
        if os.path.lexists(folder + "/.gitmodules"):
            self._submodules(url, folder, depth)

    def _submodules(self, url, folder, depth):
        if depth >= DEEPEST:
            raise AgentError("git_failed", "submodules are nested deeper than %d: %s" % (DEEPEST, folder))
        known = self._modules(folder)
        for entry in "\n".join(self._must("-C", folder, "ls-files", "--stage", "-z")).split("\0"):
            link = GITLINK.fullmatch(entry)
            if link is None:
                continue
            commit, path = link.groups()
            if path not in known:
                raise AgentError("git_failed", "submodule %s: .gitmodules has no address of it" % path)
            if known[path].get("update") != "none":
                address = resolved(known[path].get("url", ""), url)
                self._submodule(address, commit, path, folder, depth)

    def _modules(self, folder):
        """{path: its settings} of .gitmodules."""
        listed = self._must("-C", folder, "config", "--file", ".gitmodules", "--list", "--null")
        by_name = {}
        for entry in filter(None, "\n".join(listed).split("\0")):
            key, _, value = entry.partition("\n")
            _, _, rest = key.partition(".")
            name, _, setting = rest.rpartition(".")
            by_name.setdefault(name, {})[setting] = value
        return {one["path"]: one for one in by_name.values() if "path" in one}

    def _submodule(self, address, commit, path, folder, depth):
        local = self._source["url"].startswith("file:") and address.startswith(("file:", "/"))
        if not SCHEMES.match(address) and not local:
            raise AgentError("git_failed", "submodule %s: its address %s is none that is followed" % (path, address))
        mirror = "%s/%s.git" % (self._paths.submodules, hashlib.sha256(address.encode()).hexdigest()[:32])
        if not os.path.isfile(mirror + "/HEAD"):
            files.make_directory(self._paths.submodules)
            self._must("init", "--quiet", "--bare", mirror)
        if not self._has(mirror, commit):
            self._fetch(mirror, address, commit, path)
        self._tree(mirror, address, commit, "%s/%s" % (folder, path), depth + 1)

    def _fetch(self, mirror, address, commit, path):
        everything = "+refs/*:refs/upstream/*"
        code, lines = self._git.attempt("--git-dir", mirror, "fetch", "--no-tags", "--", address, everything, bare=False, network=True)
        if code == 0 and not self._has(mirror, commit):
            # No branch or tag leads to it: servers may hand it out by its id, or refuse.
            code, lines = self._git.attempt("--git-dir", mirror, "fetch", "--no-tags", "--", address, commit, bare=False, network=True)
        if self._has(mirror, commit):
            # Else a clone, which takes branches and tags only, has not got it.
            self._must("--git-dir", mirror, "update-ref", "refs/heads/at-%s" % commit, commit)
            return
        if code == 0:
            raise AgentError("commit_not_found", "submodule %s: commit %s is not at %s" % (path, commit, address))
        reason, said = failures.cause(lines, code)
        raise AgentError(reason, "submodule %s: git fetch %s: %s" % (path, address, said))

    def _has(self, mirror, commit):
        return self._git.attempt("--git-dir", mirror, "cat-file", "-e", commit + "^{commit}", bare=False)[0] == 0

    def _must(self, *arguments):
        return self._git.must(*arguments, bare=False)


def resolved(address, base):
    """A submodule's address, which may be relative to that of what it is in, as git reads it."""
    if not address.startswith(("./", "../")):
        return address
    base = base.rstrip("/")
    while address.startswith(("./", "../")):
        if address.startswith("../"):
            head, separator, _ = base.rpartition("/")
            # user@host:path has its last part behind the colon.
            base = head if separator else base.rpartition(":")[0] + ":"
        address = address.partition("/")[2]
    return base + address if base.endswith(":") else "%s/%s" % (base, address)
