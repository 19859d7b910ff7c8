"""The module nexus_settings with the stand-in, which tests/nexus_contract.py holds to a real Nexus. No Ansible."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from tests.machine import ask
from tests.nexus_contract import disagreements
from tests.role import nexus_rest, nexus_settings
from tests.support import LIMIT_S
from tests.test_roles import GROUP, MAVEN, PROXY, RULE, TASK, USER

STANDIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "machine", "standin")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class StandIn:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nexus-pull-standin-")
        release, self.data = self.folder + "/nexus-3.95.2-01", self.folder + "/sonatype-work/nexus3"
        shutil.copytree(STANDIN, release + "/bin", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("etc", "log", "java/bin"):
            os.makedirs(os.path.join(self.data, name))
        with open(self.data + "/java/bin/java", "w", encoding="ascii"):
            pass
        with socket.socket() as any_port:
            any_port.bind(("127.0.0.1", 0))
            self.port = any_port.getsockname()[1]
        with open(self.data + "/etc/nexus.properties", "w", encoding="ascii") as stream:
            stream.write("application-host=127.0.0.1\napplication-port=%d\nnexus-context-path=/\n" % self.port)
        environment = {"PATH": os.environ["PATH"], "INSTALL4J_JAVA_HOME": self.data + "/java", "INSTALL4J_ADD_VM_PARAMS": ""}
        self._process = subprocess.Popen([sys.executable, release + "/bin/nexus", "run"], env=environment)
        self.api = "http://127.0.0.1:%d/service/rest/v1" % self.port
        until = time.monotonic() + LIMIT_S
        while nexus_rest.Nexus(self.api).call("GET", "/status/writable").status != 200:
            assert time.monotonic() < until and self._process.poll() is None, "the stand-in does not come up"
            time.sleep(0.05)
        with open(self.data + "/admin.password", encoding="ascii") as stream:
            self.password = stream.read()

    def state(self):
        with open(self.data + "/state.json", encoding="utf-8") as stream:
            return json.load(stream)

    def edit(self, change):
        """Behind the role's back, as somebody who clicks does."""
        state = self.state()
        change(state)
        with open(self.data + "/state.json", "w", encoding="utf-8") as stream:
            json.dump(state, stream)

    def close(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(LIMIT_S)
        shutil.rmtree(self.folder)


class Settings(unittest.TestCase):
    def setUp(self):
        self.server = StandIn()
        self.addCleanup(self.server.close)

    def settle(self, check=False, **wanted):
        """(changes, refusals)"""
        nexus = nexus_rest.Nexus(self.server.api, "admin", self.server.password)
        settle = nexus_settings.Settle(nexus, wanted, check, self.server.password)
        settle.all()
        for text in settle.changes + settle.refusals:
            self.assertNotIn("canary", text)
        return settle.changes, settle.refusals

    def settled(self, **wanted):
        """Writes what is wanted, once."""
        changes, refusals = self.settle(**wanted)
        self.assertEqual(refusals, [])
        self.assertEqual(self.settle(**wanted), ([], []))
        return changes

    def test_the_stand_in_answers_as_the_contract_says(self):
        def call(method, path, body=None, login=None):
            request = {"port": self.server.port, "method": method, "path": path, "body": body, "context": ""}
            answer = ask.call({**request, "login": login or ["admin", self.server.password]})
            return answer["status"], answer["value"], answer["headers"]

        self.assertEqual(disagreements(call), [])

    def test_what_nexus_refuses_is_said_and_the_rest_is_written(self):
        changes, refusals = self.settle(
            realms=["NexusAuthenticatingRealm", "DockerToken"],
            repositories=[{**MAVEN, "name": "new", "maven": {"versionPolicy": "SOMETIMES"}}, {**MAVEN, "name": "good"}],
            blob_stores=[{"name": "big", "path": "big"}],
            users=[{**USER, "roles": ["nope"]}],
        )
        said = "\n".join(refusals)
        self.assertIn("realms could not be changed: 400", said)
        self.assertIn("Unknown realmIds: [DockerToken]", said)
        self.assertIn("repository new could not be created: 400 Failed to validate facets", said)
        self.assertIn("user ci: Nexus took it, and did not keep all of it (roles)", said)
        self.assertEqual(len(refusals), 3)
        self.assertIn("created repository good", changes)

    def test_a_read_that_fails_writes_nothing_and_shows_no_secret(self):
        broken = {"/repositories/maven/proxy/central": [500, "ERROR: (ID x) password canary-remote"]}
        self.server.edit(lambda state: state.update(broken=broken))
        changes, refusals = self.settle(anonymous=False, repositories=[PROXY])
        self.assertEqual((changes, len(refusals)), ([], 1))
        self.assertIn("repository central could not be read: 500 ERROR: (ID x) password ***", refusals[0])

    def test_a_wrong_password_of_the_admin_is_said_and_not_shown(self):
        self.server.password = "canary"
        changes, refusals = self.settle(anonymous=False)
        self.assertEqual((changes, refusals), ([], ["anonymous access could not be read: 401 no message"]))

    def test_a_put_loses_nothing_that_is_not_named(self):
        base = {"blob_stores": [{"name": "big", "path": "big"}], "routing_rules": [RULE]}
        self.settled(repositories=[PROXY], **base)
        kept = {name: value for name, value in PROXY.items() if name != "routingRule"}
        self.assertEqual(self.settled(repositories=[{**kept, "online": False}], **base), ["changed repository central: online"])
        self.assertEqual(self.server.state()["repositories"]["central"]["routingRuleName"], "internal")

    def test_a_put_that_needs_a_password_that_is_not_named_is_refused_by_name(self):
        base = {"blob_stores": [{"name": "big", "path": "big"}], "routing_rules": [RULE]}
        self.settled(repositories=[PROXY], **base)
        plain = {**PROXY, "online": False, "httpClient": {"blocked": False, "autoBlock": True}}
        _, refusals = self.settle(repositories=[plain], **base)
        (said,) = refusals
        self.assertIn("repository central: differs in online, and writing it needs httpClient.authentication.password", said)
        self.assertTrue(self.server.state()["repositories"]["central"]["online"])
        removed = {**plain, "httpClient": {"blocked": False, "autoBlock": True, "authentication": None}}
        self.settled(repositories=[removed], **base)

    def test_a_check_names_what_it_would_do_and_does_nothing(self):
        before = self.server.state()
        changes, refusals = self.settle(check=True, repositories=[MAVEN], anonymous=False, users=[USER])
        self.assertEqual((changes, refusals), (["changed anonymous access: enabled", "created repository releases", "created user ci"], []))
        self.assertEqual(self.server.state(), before)

    def test_a_users_password_is_compared_by_logging_in(self):
        self.settled(roles=[{"id": "ci", "name": "ci"}], users=[USER])
        self.server.edit(lambda state: state["passwords"].update(ci="other"))
        self.assertEqual(self.settled(users=[USER]), ["changed the password of user ci"])
        self.assertEqual(self.server.state()["passwords"]["ci"], USER["password"])

    def test_what_newer_releases_have_is_written_once_and_said_of_an_older_one(self):
        more = {
            "accept_eula": True,
            "base_url": "https://nexus.example",
            "cleanup_policies": [{"name": "old", "format": "maven2", "criteriaLastDownloaded": 90}],
            "tasks": [TASK],
            "ldap_servers": [{"name": "ad", "host": "ad.example", "port": 636, "authUsername": "u", "authPassword": "canary"}],
            "email": {"enabled": True, "host": "m.example", "port": 25, "username": "u", "password": "canary-mail"},
            "http_proxy": {"timeout": 30},
            "trusted_certificates": [CERTIFICATE],
        }
        changes, refusals = self.settle(**more)
        self.assertIn("capability baseurl could not be created: Nexus/3.95.2-01 (OSS) has no such setting", "\n".join(refusals))
        # Only the Community Edition asks for it.
        self.assertNotIn("licence", "\n".join(changes + refusals))
        self.server.edit(lambda state: state.update(newer=True))
        self.assertIn("changed licence: accepted", self.settled(**more))
        state = self.server.state()
        self.assertEqual([one["properties"] for one in state["capabilities"].values()], [{"url": "https://nexus.example"}])
        self.assertEqual([one["cronExpression"] for one in state["tasks"].values()], ["0 0 3 * * ?"])
        self.assertTrue(state["eula"])

    def test_what_is_absent_is_removed_and_once(self):
        self.settled(blob_stores=[{"name": "big", "path": "big"}], repositories=[MAVEN, GROUP, PROXY], routing_rules=[RULE], users=[{**USER, "roles": []}])
        asked = {
            "repositories": [{"name": name, "state": "absent"} for name in ("releases", "central", "all")],
            "remove_default_repositories": True,
            "routing_rules": [{"name": "internal", "state": "absent"}],
            "users": [{"userId": "ci", "state": "absent"}],
            "blob_stores": [{"name": "big", "state": "absent"}],
        }
        before = self.server.state()
        self.settle(check=True, **asked)
        self.assertEqual(self.server.state(), before)
        self.settled(**asked)
        state = self.server.state()
        self.assertEqual((state["repositories"], sorted(state["stores"]), state["users"]), ({}, ["default"], {}))


if __name__ == "__main__":
    unittest.main()
