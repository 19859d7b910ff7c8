"""Collections and roles of run.requirements: installed when they are missing, and only then is a network needed.

What is asked for is read by the Python that ansible itself runs on, which has a YAML parser; this program's may not.
"""

import json
import os
import re
import shlex
import shutil
import subprocess

from nexus_pull import files, process
from nexus_pull.errors import AgentError
from nexus_pull.runs import callbacks

PAUSES_S = (3, 10)
SYSTEM_COLLECTIONS = "/usr/share/ansible/collections"
SYSTEM_ROLES = ("/usr/share/ansible/roles", "/etc/ansible/roles")
# With the folders of collections that came beside ansible-core, as those of the package ansible do.
READ_YAML = """import importlib.util as u, json, sys, yaml
s = u.find_spec("ansible_collections")
print(json.dumps([yaml.safe_load(sys.stdin), list(s.submodule_search_locations or ()) if s else []]))"""
CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<|=)?\s*v?([0-9][0-9A-Za-z.+-]*)\s*\Z")


class Requirements:
    """What one commit's requirements file asks for."""

    def __init__(self, paths, config, mirror, commit, log):
        self._paths = paths
        self._file = config["run"]["requirements"]
        self._deadline_s = config["bootstrap"]["deadline_s"]
        self._mirror, self._commit, self._log = mirror, commit, log
        self.collections = paths.var + "/collections"
        self.roles = paths.var + "/roles"
        self._wanted = self._read()

    def missing(self):
        """Names of what is not there: not in the commit, not on this machine, or in a version that does not fit."""
        lacks = [name for name, version in self._wanted["collections"] if not self._has_collection(name, version)]
        return lacks + [name for name in self._wanted["roles"] if not self._has_role(name)]

    def install(self, sleep):
        """Raises AgentError(collection_unavailable) when something is still missing after it."""
        folder = self._paths.work + "/requirements"
        files.make_directory(folder)
        path = folder + "/" + os.path.basename(self._file)
        files.write(path, self._mirror.file_at(self._commit, self._file).encode() + b"\n")
        # Its [galaxy] may name a server of one's own.
        files.write(folder + "/ansible.cfg", (self._mirror.file_at(self._commit, "ansible.cfg") or "").encode() + b"\n")
        for pause in (*PAUSES_S, None):
            said = self._galaxy(folder, path)
            lacks = self.missing()
            if not lacks:
                return
            if pause is None:
                message = "not installed and not there: %s: %s" % (", ".join(lacks), said or "ansible-galaxy ended with 0")
                raise AgentError("collection_unavailable", message)
            self._log.line("ansible-galaxy failed; again in %d s" % pause)
            sleep(pause)

    def environment(self, settings, checkout):
        """Where ansible finds them: the repository's own places first."""
        own = settings.get("collections_path") or settings.get("collections_paths") or ""
        roles = settings.get("roles_path") or ""
        home = process.home() + "/.ansible/"
        collections = [*callbacks.in_checkout(own, checkout), checkout + "/collections", self.collections]
        role_paths = [*callbacks.in_checkout(roles, checkout), checkout + "/roles", self.roles]
        return {
            "ANSIBLE_COLLECTIONS_PATH": ":".join([*collections, home + "collections", SYSTEM_COLLECTIONS]),
            "ANSIBLE_ROLES_PATH": ":".join([*role_paths, home + "roles", *SYSTEM_ROLES]),
        }

    def _read(self):
        text = self._mirror.file_at(self._commit, self._file)
        if text is None:
            raise AgentError("playbook_invalid", "run.requirements: %s is not in commit %s" % (self._file, self._commit))
        argv = [*_ansible_python(self._paths), "-c", READ_YAML]
        env = process.environment(self._paths)
        # Not where somebody stands who runs this by hand: Python imports from there.
        done = subprocess.run(argv, env=env, cwd="/", input=text.encode(), capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise AgentError("playbook_invalid", "%s cannot be read: %s" % (self._file, said))
        value, self._beside = json.loads(done.stdout.decode())
        value = value or {}
        # The old form is a list of roles.
        value = {"roles": value} if isinstance(value, list) else value
        return {
            "collections": [_collection(entry) for entry in value.get("collections") or []],
            "roles": [_role(entry) for entry in value.get("roles") or []],
        }

    def _has_collection(self, name, version):
        name = name.replace(".", "/")
        inside = "ansible_collections/" + name
        vendored = ["%s/%s" % (root, inside) for root in self._vendored_roots()]
        for place in vendored:
            for manifest in ("MANIFEST.json", "galaxy.yml"):
                text = self._mirror.file_at(self._commit, "%s/%s" % (place, manifest))
                if text is not None and satisfies(_version_in(text), version):
                    return True
        roots = (self.collections, process.home() + "/.ansible/collections", self._paths.at(SYSTEM_COLLECTIONS))
        places = ["%s/%s" % (root, inside) for root in roots] + ["%s/%s" % (root, name) for root in self._beside]
        return any(satisfies(_version_on_disk(place), version) for place in places)

    def _vendored_roots(self):
        settings = callbacks.defaults_of(self._mirror.file_at(self._commit, "ansible.cfg"))
        own = settings.get("collections_path") or settings.get("collections_paths") or ""
        relative = [os.path.normpath(part.strip()) for part in own.split(":") if part.strip()]
        return ["collections", *(part for part in relative if part[0] not in "/~$." and part != "collections")]

    def _has_role(self, name):
        if self._mirror.has(self._commit, "roles/" + name):
            return True
        roots = (self.roles, process.home() + "/.ansible/roles", *map(self._paths.at, SYSTEM_ROLES))
        return any(os.path.isdir("%s/%s" % (root, name)) for root in roots)

    def _galaxy(self, folder, path):
        """The last lines of what failed, or None."""
        said = []
        for kind, target in (("collections", self.collections), ("roles", self.roles)):
            if not self._wanted[kind]:
                continue
            files.make_directory(target, 0o755)
            argv = ["ansible-galaxy", kind[:-1], "install", "--requirements-file", path, "-p", target]
            env = process.account_environment(self._paths, ANSIBLE_CONFIG=folder + "/ansible.cfg", ANSIBLE_NOCOLOR="1")
            env["ANSIBLE_COLLECTIONS_PATH"] = target if kind == "collections" else self.collections
            lines = []

            def on_line(text, lines=lines):
                lines.append(self._log.redact(text))
                self._log.line("ansible-galaxy: " + text)

            code, late = process.run(argv, env, folder, self._deadline_s, on_line)
            if code != 0 or late:
                said += [line for line in lines if line.strip()][-3:] or ["exit %d" % code]
        return " ".join(" ".join(said).split())[:1000] or None


def satisfies(version, wanted):
    """Whether a version fits a requirement of Galaxy's form ("1.2.3", ">=1.0.0,<2.0.0", "*" or nothing)."""
    if version is None:
        return False
    if not wanted or wanted == "*" or version == "*":
        return True
    for clause in wanted.split(","):
        found = CLAUSE.match(clause)
        if clause.strip() == "*":
            continue
        if found is None:
            return False
        order = _order(version), _order(found.group(2))
        holds = {
            ">=": order[0] >= order[1],
            "<=": order[0] <= order[1],
            ">": order[0] > order[1],
            "<": order[0] < order[1],
            "!=": order[0] != order[1],
        }.get(found.group(1) or "==", order[0] == order[1])
        if not holds:
            return False
    return True


def _order(version):
    """Semantic version order; a pre-release comes before its release."""
    core, _, pre = version.partition("+")[0].partition("-")
    return [int(part) if part.isdigit() else 0 for part in core.split(".")], pre == "", pre


def _version_in(text):
    found = re.search(r"""^\s*"?version"?\s*:\s*["']?([0-9][0-9A-Za-z.+-]*|null)""", text, re.MULTILINE)
    return "*" if found is None or found.group(1) == "null" else found.group(1)


def _version_on_disk(folder):
    for manifest in ("MANIFEST.json", "galaxy.yml"):
        try:
            with open("%s/%s" % (folder, manifest), encoding="utf-8", errors="replace") as stream:
                return _version_in(stream.read())
        except OSError:
            continue
    return None


def _collection(entry):
    entry = {"name": entry} if isinstance(entry, str) else entry
    name, _, version = str(entry.get("name", "")).partition(":")
    if entry.get("type", "galaxy") != "galaxy" and not re.fullmatch(r"\w+\.\w+", name):
        raise AgentError("playbook_invalid", "a collection of type %s needs its name in the requirements" % entry["type"])
    return name, str(entry.get("version") or version or "*")


def _role(entry):
    if isinstance(entry, str):
        return entry.split(",")[-1] if entry.count(",") > 1 else entry.split(",")[0]
    name = entry.get("name") or entry.get("src") or ""
    return os.path.basename(name)[: -len(".git")] if name.endswith(".git") else os.path.basename(name)


def _ansible_python(paths):
    """The interpreter in ansible-pull's first line."""
    program = shutil.which("ansible-pull", path=paths.search_path)
    with open(program, "rb") as stream:
        line = stream.readline(4096).decode(errors="replace").strip()
    return shlex.split(line[2:]) if line.startswith("#!") else ["python3"]
