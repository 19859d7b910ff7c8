"""The entries of a requirements file, as ansible-galaxy reads them. Pure.

What an entry asks for is a version of Galaxy's, or something that only its source can tell: a branch, a tag, a file.
"""

import collections
import json
import os
import re

from nexus_pull.errors import AgentError

# name: what it is called in messages; fqcn: namespace.name, or None where only its source knows; version: as it is asked for;
# git: its address, or None; entry: as it goes to ansible-galaxy.
Collection = collections.namedtuple("Collection", "name fqcn version git galaxy entry")
Role = collections.namedtuple("Role", "name version git entry")

FQCN = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*\Z")
GIT = re.compile(r"git\+|git@|ssh://|git://|.*\.git(?:#|,|\Z)")
COMMIT = re.compile(r"[0-9a-f]{40,64}\Z")


def read(value):
    """(collections, roles) of the parsed file. The old form is a list of roles. `include` is resolved before."""
    value = {"roles": value} if isinstance(value, list) else value or {}
    if not isinstance(value, dict):
        raise AgentError("playbook_invalid", "the requirements file is neither a list nor a mapping")
    return (
        [_collection(entry) for entry in value.get("collections") or []],
        [_role(entry) for entry in value.get("roles") or []],
    )


def key(entry):
    """The same for the same entry: what was asked for."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), default=str)


def _collection(entry):
    given = _mapping(entry, "collection")
    name, source, version = (str(given.get(field) or "") for field in ("name", "source", "version"))
    # One that is named in Galaxy's own way may have its version behind it.
    if isinstance(entry, str) and ":" in name and FQCN.match(name.partition(":")[0]):
        name, _, version = name.partition(":")
        given = {"name": name, "version": version}
    kind = given.get("type") or ("galaxy" if FQCN.match(name) else None)
    fqcn = name if FQCN.match(name) else None
    if kind == "galaxy":
        return Collection(name, fqcn, version or "*", None, True, given)
    where = source or name
    if kind == "git" or (kind is None and GIT.match(where)):
        address, _, inside = where.partition(",")
        return Collection(fqcn or where, fqcn, version or inside or "*", _address(address), False, given)
    return Collection(fqcn or where, fqcn, version or "*", None, False, given)


def _role(entry):
    if isinstance(entry, str):
        parts = [part.strip() for part in entry.split(",")] + ["", ""]
        src, version, name = parts[:3]
        return Role(name or role_name(src), version, _git_of_role(src, None), entry)
    given = _mapping(entry, "role")
    src = str(given.get("src") or given.get("name") or given.get("role") or "")
    name = str(given.get("name") or given.get("role") or role_name(src))
    return Role(name, str(given.get("version") or ""), _git_of_role(src, given.get("scm")), entry)


def _mapping(entry, kind):
    given = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(given, dict) or not (given.get("name") or given.get("src") or given.get("source") or given.get("role")):
        raise AgentError("playbook_invalid", "a %s of the requirements has no name: %s" % (kind, json.dumps(entry, default=str)[:200]))
    return given


def role_name(src):
    """What ansible-galaxy calls a role that has only an address."""
    if "://" not in src and "@" not in src:
        return src
    last = src.split("/")[-1]
    for suffix in (".git", ".tar.gz"):
        last = last[: -len(suffix)] if last.endswith(suffix) else last
    return last.partition(",")[0]


def _git_of_role(src, scm):
    of_github = "github.com" in src and "http" in src and not src.endswith(".tar.gz")
    return _address(src) if scm == "git" or GIT.match(src) or of_github else None


def _address(text):
    """What git is asked: without galaxy's git+ in front and #folder behind."""
    return (text[len("git+") :] if text.startswith("git+") else text).partition("#")[0]


def is_commit(version):
    return bool(COMMIT.match(version))


def under(entry, folder):
    """A folder or file that the entry names, relative to `folder`; None when it names none that is there."""
    given = entry if isinstance(entry, dict) else {"name": entry}
    for field in ("source", "src", "name"):
        path = str(given.get(field) or "")
        if path and "://" not in path and os.path.exists(os.path.join(folder, path)):
            return os.path.join(folder, path)
    return None
