"""Playbooks in temporary folders, run by every ansible-core that is there."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTRACT = os.path.join(os.path.dirname(REPOSITORY), "contract")
PLUGINS = os.path.join(REPOSITORY, "plugins")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nexus-pull", "venv")
# A busy machine with two cores must not decide.
LIMIT_S = 300
LOCAL = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'

sys.path.insert(0, PLUGINS)


def cores():
    """{version: venv}, the oldest first. NEXUS_PULL_ANSIBLE_CORES names venvs of one's own, separated by colons."""
    named = [path for path in os.environ.get("NEXUS_PULL_ANSIBLE_CORES", "").split(":") if path]
    found = {}
    for venv in named or glob.glob(os.path.join(CACHE, "ansible-core-*")):
        version = re.search(r"\d+\.\d+", os.path.basename(venv))
        if version and os.path.exists(os.path.join(venv, "bin", "ansible-playbook")):
            found[version.group()] = venv
    if not found:
        unavailable("ansible-core is not there: run agent/tests/venv.sh")
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def unavailable(why):
    """In CI every test runs."""
    if os.environ.get("CI"):
        raise AssertionError(why)
    raise unittest.SkipTest(why)


def schema_errors(schema, values):
    """What contract/ finds wrong with each value, by a validator that is not ours."""
    try:
        import jsonschema
        import referencing
    except ImportError:
        return unavailable(
            "jsonschema is not there: run the tests with the Python of ansible-playbooks/tests/venv.sh"
        )
    documents = {}
    for path in glob.glob(os.path.join(CONTRACT, "*.schema.json")):
        with open(path, encoding="utf-8") as stream:
            documents[os.path.basename(path)] = json.load(stream)
    resources = [(name, referencing.Resource.from_contents(document)) for name, document in documents.items()]
    registry = referencing.Registry().with_resources(resources)
    validator = jsonschema.Draft202012Validator(documents[schema], registry=registry)
    return [error.message for value in values for error in validator.iter_errors(value)]


class Folder:
    """A temporary repository of playbooks, and a run directory beside it."""

    def __init__(self, files):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="nexus-pull-playbooks-"))
        self.run_directory = self.path + ".run"
        os.mkdir(self.run_directory)
        self.write({"inventory": LOCAL, **files})

    def write(self, files):
        for name, text in files.items():
            path = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.run_directory, ignore_errors=True)

    def environment(self, **more):
        """Nothing of the caller's Ansible; the callback as the agent adds it."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": self.path + ".run",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": os.path.join(PLUGINS, "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "nexus_pull",
            "NEXUS_PULL_RUN_DIR": self.run_directory,
            "PYTHONDONTWRITEBYTECODE": "1",
            **more,
        }

    def command(self, venv, *arguments):
        return [os.path.join(venv, "bin", "ansible-playbook"), "-i", "inventory", *(arguments or ["site.yml"])]

    def play(self, venv, *arguments, **environment):
        """(exit code, everything that Ansible said)."""
        done = subprocess.run(
            self.command(venv, *arguments),
            cwd=self.path,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def evidence(self):
        with open(os.path.join(self.run_directory, "evidence.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def forget(self):
        os.unlink(os.path.join(self.run_directory, "evidence.jsonl"))


class PlaybookTest(unittest.TestCase):
    """A test case whose `folder(files)` is removed at its end."""

    maxDiff = None

    def folder(self, files):
        made = Folder(files)
        self.addCleanup(made.remove)
        return made

    def assert_valid(self, records):
        self.assertGreater(len(records), 0)
        self.assertEqual(schema_errors("evidence.schema.json", records), [])


def of(records, kind):
    return [record for record in records if record["record"] == kind]
