"""The agent and contract/: schemas, signature vectors, reasons."""

import copy
import glob
import json
import os
import re
import unittest

from nexus_pull import schema
from nexus_pull.events import signing
from tests import AGENT
from tests.support import CONTRACT, configuration, seed_of

REASON = re.compile(r'(?:reason="|^    \("(?=[a-z_]+", r?")|Rejected\("|Verdict\("failed", "|AgentError\(\s*"|_Failure\(\s*"|raise \w+\("|reason, who = \(")([a-z_]+)"', re.MULTILINE)


def read_contract(name):
    with open(os.path.join(CONTRACT, name), encoding="utf-8") as stream:
        return json.load(stream)


def patched(value, operations):
    """JSON Patch, as far as the examples use it."""
    value = copy.deepcopy(value)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        target = value
        for part in parents:
            target = target[int(part) if isinstance(target, list) else part]
        if isinstance(target, list):
            last = len(target) if last == "-" else int(last)
        if operation["op"] == "remove":
            del target[last]
        elif operation["op"] == "add" and isinstance(target, list):
            target.insert(last, operation["value"])
        else:
            target[last] = operation["value"]
    return value


class Vectors(unittest.TestCase):
    def test_signs_as_the_contract_says(self):
        checked = 0
        for vector in read_contract("vectors/signatures.json")["vectors"]:
            if not vector["valid"] or "body" not in vector:
                continue
            headers = vector["headers"]
            stamp, body = int(headers["webhook-timestamp"]), vector["body"].encode()
            made = {signing.signature(key, headers["webhook-id"], stamp, body) for key in vector["keys"]}
            self.assertTrue(made & set(headers["webhook-signature"].split()), vector["name"])
            checked += 1
        self.assertGreaterEqual(checked, 4)


class Reasons(unittest.TestCase):
    def test_every_reason_is_in_the_contract(self):
        known = {entry["code"] for entry in read_contract("reasons.json")["reasons"]}
        used = set()
        for path in glob.glob(os.path.join(AGENT, "nexus_pull", "**", "*.py"), recursive=True):
            with open(path, encoding="utf-8") as stream:
                used |= set(REASON.findall(stream.read()))
        self.assertGreater(len(used), 40)
        self.assertEqual(used - known, set())


class Schemas(unittest.TestCase):
    def refused(self, value, name="agent-config.schema.json"):
        with self.assertRaises(schema.SchemaError) as caught:
            schema.check(value, name)
        return str(caught.exception)

    def test_names_everything_that_is_wrong_at_once(self):
        wrong = configuration(run={"mode": "dry", "timeout_s": "long"}, schedule={"jitter": 1})
        said = self.refused(wrong).split("; ")
        self.assertEqual([text.partition(":")[0] for text in said], ["$.run.mode", "$.run.timeout_s", "$.schedule"], said)

    def test_takes_what_is_right(self):
        schema.check(configuration(), "agent-config.schema.json")
        schema.check(seed_of(configuration(), {"git_token": "t0ken"}), "seed.schema.json")

    def test_takes_and_refuses_the_contracts_own_examples(self):
        for file, least in (("agent-config", 10), ("seed", 5)):
            examples = read_contract("examples/%s.json" % file)
            valid = {entry["name"]: entry["value"] for entry in examples["valid"]}
            for name, value in valid.items():
                with self.subTest(name):
                    schema.check(value, examples["schema"])
            self.assertGreater(len(examples["invalid"]), least)
            for entry in examples["invalid"]:
                with self.subTest(entry["name"]):
                    self.refused(patched(valid[entry["of"]], entry["patch"]), examples["schema"])

    def test_refuses_hostile_values(self):
        for changes in (
            {"source": {"url": "ext::sh -c evil"}},
            {"source": {"url": "--upload-pack=evil"}},
            {"source": {"url": "https://user:pass@git.example/r.git"}},
            {"source": {"url": "https://git.example/r.git\n"}},
            {"source": {"ref": "--force"}},
            {"source": {"ref": "a..b"}},
            {"source": {"ref": "main\n"}},
            {"source": {"commit": "abc"}},
            {"source": {"commit": "g" * 40}},
            {"source": {"known_hosts": ["a\nb"]}},
            {"source": {"credential": {"kind": "token", "username": "a\nhost=evil"}}},
            {"run": {"playbooks": []}},
            {"run": {"playbooks": ["../../etc/passwd"]}},
            {"run": {"playbooks": ["-e@/etc/shadow"]}},
            {"run": {"extra_vars": {"a b": 1}}},
            {"run": {"timeout_s": True}},
            {"run": {"timeout_s": 0}},
            {"identity": {"fleet": "a/b"}},
            {"identity": {"vm": "a\n"}},
            {"version": 2},
            {"version": True},
            {"unknown": 1},
            {"receiver": {"url": "ftp://x/"}},
        ):
            with self.subTest(changes):
                self.refused(configuration(**changes))

    def test_refuses_files_outside_our_own(self):
        for path in (
            "/etc/shadow",
            "/etc/systemd/system/sshd.service",
            "/etc/nexus-pull/agent.json",
            "/etc/nexus-pull/secrets/git_token",
            "/etc/nexus-pull/../shadow",
            "relative",
        ):
            with self.subTest(path):
                self.refused(seed_of(configuration(), files={path: "x"}), "seed.schema.json")

    def test_never_shows_a_value(self):
        said = self.refused(seed_of(configuration(), {"receiver_key": "CANARY"}), "seed.schema.json")
        self.assertNotIn("CANARY", said)

    def test_refuses_a_keyword_it_does_not_know(self):
        with self.assertRaisesRegex(schema.SchemaError, "does not know"):
            schema._check({}, {"dependentRequired": {}}, {}, "$")
