"""Playbooks in temporary folders, run by every ansible-core that is there."""

import functools
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
PROJECT = os.path.dirname(REPOSITORY)
CONTRACT = os.path.join(PROJECT, "contract")
PLUGINS = os.path.join(REPOSITORY, "plugins")
# A busy machine with two cores must not decide.
LIMIT_S = 300
LOCAL = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'

sys.path.insert(0, PLUGINS)


def cores():
    """The oldest and the newest of all_cores()."""
    found = list(all_cores().items())
    return dict(found[:1] + found[-1:])


def newest():
    """For what does not depend on Ansible's version: a run takes seconds."""
    return dict(list(all_cores().items())[-1:])


@functools.lru_cache(maxsize=None)
def all_cores():
    """{series: folder with bin/ansible-playbook}, the oldest first, of tools/ansible-cores.sh."""
    look = [os.path.join(PROJECT, "tools", "ansible-cores.sh"), "--print", "--no-build"]
    done = subprocess.run(look, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
    found = re.findall(r"^NEXUS_PULL_ANSIBLE_CORE_(\d+)_(\d+)=(.+)$", done.stdout.decode(), re.MULTILINE)
    if done.returncode or not found:
        unavailable("ansible-core is not there: run tools/ansible-cores.sh (%s)" % done.stderr.decode().strip())
    return {"%s.%s" % (major, minor): folder for major, minor, folder in sorted(found, key=lambda one: int(one[1]))}


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
