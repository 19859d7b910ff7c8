"""The role nexus with a real Nexus Repository 3.71.0-06 (tools/nexus-server.sh), and the contract that holds the stand-in."""

import unittest

from tests.machine import REAL_VERSION, Machine, real_server
from tests.nexus_contract import disagreements
from tests.test_roles import GROUP, MAVEN, PROXY, RULE, USER, VIEW, only_nexus

PASSWORD = "a pass word #1"


class RealServer(unittest.TestCase):
    """One machine and one server, in the order of its life: a start takes up to a minute."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(real_server())
        cls.addClassCleanup(cls.machine.close)
        cls.playbook = only_nexus(cls.machine)
        cls.variables = {
            **cls.machine.release(REAL_VERSION),
            "nexus_java_home": "/java-17",
            "nexus_packages": ["unzip"],
            "nexus_heap_mib": 700,
            "nexus_start_timeout_s": 1200,
            "nexus_admin_password": PASSWORD,
            "nexus_blob_stores": [
                {"name": "big", "path": "big", "softQuota": {"type": "spaceUsedQuota", "limit": "5 GiB"}},
                {"name": "far off", "path": "/srv/blobs/far"},
            ],
            "nexus_repositories": [GROUP, MAVEN, PROXY, {"name": "maven-snapshots", "state": "absent"}],
            "nexus_routing_rules": [RULE],
            "nexus_privileges": [VIEW],
            "nexus_roles": [
                {"id": "ci", "name": "CI", "description": "", "privileges": ["ci-read"], "roles": ["nx-anonymous"]}
            ],
            "nexus_users": [USER],
        }

    def converge(self, *arguments, expected=0, **changes):
        code, said, recap = self.machine.play(self.playbook, *arguments, **{**self.variables, **changes})
        self.assertEqual(code, expected, said)
        for secret in ("canary", PASSWORD):
            self.assertNotIn(secret, said)
        return " ".join(said.replace("\\n", " ").split()), recap

    def ask(self, method, path, body=None, login=None):
        return self.machine.ask(8081, method, path, body, login or ["admin", PASSWORD])

    def test_the_life_of_a_real_server(self):
        for step in (
            self.the_first_run_installs_and_configures,
            self.the_second_run_changes_nothing,
            self.it_answers_as_the_contract_says,
            self.drift_is_named_by_a_check_and_mended,
            self.what_it_refuses_is_said,
            self.a_restart_and_a_backup_are_no_change,
            self.the_embedded_database_in_use_instead_of_postgresql_fails,
        ):
            with self.subTest(step.__name__):
                step()

    def the_first_run_installs_and_configures(self):
        said, recap = self.converge("-v")
        self.assertEqual(recap["failed"], 0, said)
        self.assertEqual(self.ask("GET", "/v1/security/anonymous")[1]["enabled"], False)
        self.assertEqual(self.ask("GET", "/v1/blobstores/file/big")[1]["softQuota"]["limit"], 5 * 2**30)
        self.assertEqual(self.ask("GET", "/v1/blobstores/file/far%20off")[0], 200)
        self.assertEqual(self.ask("GET", "/v1/repositories/maven/proxy/central")[1]["routingRuleName"], "internal")
        self.assertEqual(self.ask("GET", "/v1/repositories/maven-snapshots")[0], 404)
        # It logs in, and may not ask this.
        self.assertEqual(self.ask("GET", "/v1/security/realms/active", login=["ci", USER["password"]])[0], 403)

    def the_second_run_changes_nothing(self):
        said, recap = self.converge()
        self.assertEqual((recap["changed"], recap["failed"]), (0, 0), said)

    def it_answers_as_the_contract_says(self):
        self.assertEqual(disagreements(self.ask), [])

    def drift_is_named_by_a_check_and_mended(self):
        path = "/v1/repositories/maven/hosted/releases"
        before = self.ask("GET", path)[1]
        self.assertEqual(self.ask("PUT", path, {**before, "online": False})[0], 204)
        self.assertEqual(self.ask("PUT", "/v1/security/users/ci/change-password", "other")[0], 204)
        said, recap = self.converge("--check", "-v")
        self.assertEqual(recap["changed"], 1, said)
        self.assertIn("would have changed repository releases: online", said)
        self.assertIn("would have changed the password of user ci", said)
        self.assertEqual(self.ask("GET", path)[1]["online"], False)
        said, recap = self.converge()
        self.assertEqual(recap["changed"], 1, said)
        self.assertEqual(self.ask("GET", path)[1], before)

    def what_it_refuses_is_said(self):
        proxy = {name: value for name, value in PROXY.items() if name != "routingRule"}
        proxy["httpClient"] = {"blocked": True, "autoBlock": True}
        said, _ = self.converge(
            "-v",
            expected=2,
            nexus_realms=["NexusAuthenticatingRealm", "DockerToken"],
            nexus_base_url="https://nexus.example",
            nexus_repositories=[{**MAVEN, "maven": {"versionPolicy": "SOMETIMES"}, "name": "new"}, proxy],
        )
        self.assertIn("realms could not be changed: 400", said)
        self.assertIn("Unknown realmIds: [DockerToken]", said)
        self.assertIn("not one of the values accepted for Enum class", said)
        self.assertIn("writing it needs httpClient.authentication.password", said)
        self.assertIn("has no such setting in its REST API", said)
        # With the password: the rule that the wish does not name stays.
        proxy["httpClient"]["authentication"] = PROXY["httpClient"]["authentication"]
        self.converge(nexus_repositories=[MAVEN, proxy])
        self.assertEqual(self.ask("GET", "/v1/repositories/maven/proxy/central")[1]["routingRuleName"], "internal")

    def a_restart_and_a_backup_are_no_change(self):
        self.converge()
        code, said = self.machine.run("/opt/nexus/backup")
        self.assertEqual(code, 0, said)
        self.assertIn("db/nexus.mv.db\n", self.machine.run("tar", "tf", said.strip())[1])
        said, recap = self.converge("--check")
        self.assertEqual(recap["changed"], 0, said)
        self.assertEqual(self.machine.run("test", "-e", "/var/lib/nexus/admin.password")[0], 0)
        said, recap = self.converge()
        self.assertEqual(recap["changed"], 0, said)

    def the_embedded_database_in_use_instead_of_postgresql_fails(self):
        # As Sonatype's migrator leaves it.
        self.machine.run("touch", "/var/lib/nexus/etc/fabric/nexus-store.properties")
        said, _ = self.converge(expected=2, nexus_postgresql_host="db.example", nexus_postgresql_password="canary-db")
        self.assertRegex(said, "uses the embedded database /var/lib/nexus/db/nexus.mv.db all the same|Nexus does not run")
