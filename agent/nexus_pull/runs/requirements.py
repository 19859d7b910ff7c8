"""Collections and roles of run.requirements: installed when they are not there as asked, and only then is a network needed.

What is there is what ansible will find first. What an entry of a git source came to is written down, since nothing of what
ansible-galaxy leaves on the disk says from which branch or address it is; a branch is asked for its commit at each run.
"""

import json
import os
import shlex
import shutil
import subprocess

from nexus_pull import files, process
from nexus_pull.errors import AgentError
from nexus_pull.runs import ansible_cfg, installed, versions, wanted

PAUSES_S = (3, 10)
SYSTEM_COLLECTIONS = "/usr/share/ansible/collections"
SYSTEM_ROLES = ("/usr/share/ansible/roles", "/etc/ansible/roles")
MOST_INCLUDED = 32
# With the folders of collections that came beside ansible-core, as those of the package ansible do.
READ_YAML = """import importlib.util as u, json, sys, yaml
s = u.find_spec("ansible_collections")
print(json.dumps([yaml.safe_load(sys.stdin), list(s.submodule_search_locations or ()) if s else []], default=str))"""


class Requirements:
    """What one commit's requirements file asks for. `checkout`: the commit as files; `settings`: its ansible_cfg.Settings."""

    def __init__(self, paths, config, checkout, settings, log):
        self._paths, self._checkout, self._settings, self._log = paths, checkout, settings, log
        self._file = config["run"]["requirements"]
        self._playbooks = config["run"]["playbooks"]
        self._deadline_s = config["bootstrap"]["deadline_s"]
        self.collections = paths.var + "/collections"
        self.roles = paths.var + "/roles"
        self._installed = installed.Installed(paths, checkout, log)
        value = self._read(self._file)
        if isinstance(value, list) or (isinstance(value, dict) and value.get("roles")):
            roles = value if isinstance(value, list) else value["roles"]
            value = {**(value if isinstance(value, dict) else {}), "roles": self._with_included(roles)}
        self._collections, self._roles = wanted.read(value)

    def missing(self):
        """Names of what is not there, or not as it is asked for."""
        return [one.name for one in (*self._lacking_collections(), *self._lacking_roles())]

    def install(self, sleep):
        """Raises AgentError(collection_unavailable) when something is still missing after it."""
        for pause in (*PAUSES_S, None):
            said = self._galaxy()
            lacks = self._lacking_collections() + self._lacking_roles()
            if not lacks:
                return
            if pause is None:
                why = said or "; ".join(filter(None, map(self._shadow, lacks))) or "ansible-galaxy ended with 0"
                message = "not installed and not there: %s: %s" % (", ".join(one.name for one in lacks), why)
                raise AgentError("collection_unavailable", message)
            self._log.line("ansible-galaxy failed; again in %d s" % pause)
            sleep(pause)

    def environment(self):
        """Where ansible finds them: its own places first, in its own order."""
        return {
            "ANSIBLE_COLLECTIONS_PATH": ":".join(self._collection_roots()),
            "ANSIBLE_ROLES_PATH": ":".join(self._role_roots()),
        }

    def _collection_roots(self):
        own = self._settings.paths("collections_path", "collections_paths")
        home = process.home() + "/.ansible/collections"
        roots = [*own, self._checkout + "/collections", self.collections, home, self._paths.at(SYSTEM_COLLECTIONS)]
        return list(dict.fromkeys(roots))

    def _role_roots(self):
        own = self._settings.paths("roles_path")
        roots = [*own, self._checkout + "/roles", self.roles, process.home() + "/.ansible/roles"]
        return list(dict.fromkeys([*roots, *map(self._paths.at, SYSTEM_ROLES)]))

    def _beside_playbooks(self):
        return list(dict.fromkeys(os.path.dirname("%s/%s" % (self._checkout, name)) for name in self._playbooks))

    def _read(self, name):
        try:
            with open("%s/%s" % (self._checkout, name), "rb") as stream:
                text = stream.read()
        except OSError as error:
            raise AgentError("playbook_invalid", "run.requirements: %s: %s" % (name, error.strerror)) from error
        argv = [*_ansible_python(self._paths), "-c", READ_YAML]
        env = process.environment(self._paths)
        # Not where somebody stands who runs this by hand: Python imports from there.
        done = subprocess.run(argv, env=env, cwd="/", input=text, capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise AgentError("playbook_invalid", "%s cannot be read: %s" % (name, said))
        value, self._beside = json.loads(done.stdout.decode())
        return value

    def _with_included(self, roles):
        """`include` names another file of roles, relative to where ansible-galaxy runs: the checkout."""
        found, included = [], 0
        for role in roles if isinstance(roles, list) else []:
            if not (isinstance(role, dict) and "include" in role):
                found.append(role)
                continue
            included += 1
            inner = self._read(str(role["include"])) if included <= MOST_INCLUDED else None
            found += inner if isinstance(inner, list) else []
        return found

    def _lacking_collections(self):
        return [one for one in self._collections if not self._has_collection(one)]

    def _lacking_roles(self):
        return [one for one in self._roles if not self._has_role(one)]

    def _has_collection(self, one):
        place = self._first_collection(one.fqcn) if one.fqcn else None
        if place is not None and (one.galaxy or self._is_vendored(place)):
            version = versions.on_disk(place)
            # A vendored one is the commit's own word on a branch or a tag.
            return versions.satisfies(version, one.version if one.galaxy else "*")
        if one.galaxy:
            return False
        return self._installed.has(one, self.collections)

    def _first_collection(self, fqcn):
        inside = fqcn.replace(".", "/")
        roots = [folder + "/collections" for folder in self._beside_playbooks()] + self._collection_roots()
        places = ["%s/ansible_collections/%s" % (ansible_cfg.expanded(root), inside) for root in roots]
        places += ["%s/%s" % (root, inside) for root in self._beside]
        return next((place for place in places if versions.on_disk(place) is not None), None)

    def _has_role(self, one):
        place = self._first_role(one.name)
        if place is None or self._is_vendored(place):
            return place is not None
        if os.path.dirname(place) == self.roles and self._installed.gave(one.name):
            return self._installed.has(one, self.roles)
        # Somebody else installed it: galaxy's own note in it says what it is.
        return not one.version or installed.role_version(place) == one.version

    def _first_role(self, name):
        beside = self._beside_playbooks()
        roots = [folder + "/roles" for folder in beside] + self._role_roots() + beside
        places = ("%s/%s" % (ansible_cfg.expanded(root), name) for root in roots)
        return next((place for place in places if os.path.isdir(place)), None)

    def _is_vendored(self, place):
        return place.startswith(self._checkout + "/")

    def _shadow(self, one):
        """What stands in the way of one that is installed."""
        place = self._first_role(one.name) if isinstance(one, wanted.Role) else one.fqcn and self._first_collection(one.fqcn)
        if not place or place.startswith((self.collections, self.roles)):
            return None
        return "ansible finds %s first, which is not %s" % (place, one.version)

    def _galaxy(self):
        """The last lines of what failed, or None."""
        said = []
        for kind, lacking, target in (
            ("collection", self._lacking_collections(), self.collections),
            ("role", self._lacking_roles(), self.roles),
        ):
            if lacking:
                said += self._install(kind, lacking, target)
        return " ".join(" ".join(said).split())[:1000] or None

    def _install(self, kind, lacking, target):
        files.make_directory(self._paths.work + "/requirements")
        files.make_directory(target, 0o755)
        # Only what lacks: with --force, without which what is there in another version stays.
        path = "%s/requirements/%ss.yml" % (self._paths.work, kind)
        files.write(path, json.dumps({kind + "s": [one.entry for one in lacking]}).encode())
        option = "--requirements-file" if kind == "collection" else "--role-file"
        argv = ["ansible-galaxy", kind, "install", option, path, "-p", target, "--force"]
        env = process.account_environment(self._paths, ANSIBLE_NOCOLOR="1", GIT_TERMINAL_PROMPT="0")
        env["ANSIBLE_COLLECTIONS_PATH"] = self.collections
        env["ANSIBLE_ROLES_PATH"] = self.roles
        before = self._installed.begin(lacking, kind, target)
        lines, umask = [], os.umask(0o022)

        def on_line(text):
            lines.append(self._log.redact(text))
            self._log.line("ansible-galaxy: " + text)

        try:
            # In the checkout: its ansible.cfg may name a server, and entries may name folders of it.
            code, late = process.run(argv, env, self._checkout, self._deadline_s, on_line)
        finally:
            os.umask(umask)
        if code != 0 or late:
            return [line for line in lines if line.strip()][-3:] or ["exit %d" % code]
        self._installed.remember(lacking, kind, target, before)
        return []


def _ansible_python(paths):
    """The interpreter in ansible-pull's first line."""
    program = shutil.which("ansible-pull", path=paths.search_path)
    with open(program, "rb") as stream:
        line = stream.readline(4096).decode(errors="replace").strip()
    return shlex.split(line[2:]) if line.startswith("#!") else ["python3"]
