"""nexus.yml on a Debian machine in namespaces: converge, converge again, check, drift, verify."""

import json
import os
import time
import unittest

from tests.machine import NEXUS_VERSION, Machine, archive
from tests.support import PlaybookTest, cores

STATE = "/var/lib/nexus/state.json"
MAVEN = {
    "name": "releases",
    "format": "maven2",
    "type": "hosted",
    "online": True,
    "storage": {"blobStoreName": "big", "strictContentTypeValidation": True, "writePolicy": "allow_once"},
    "maven": {"versionPolicy": "RELEASE", "layoutPolicy": "STRICT"},
}
PROXY = {
    "name": "central",
    "format": "maven2",
    "type": "proxy",
    "online": True,
    "storage": {"blobStoreName": "big", "strictContentTypeValidation": True},
    "proxy": {"remoteUrl": "https://repo.example/maven2/", "contentMaxAge": -1, "metadataMaxAge": 1440},
    "negativeCache": {"enabled": True, "timeToLive": 1440},
    "httpClient": {
        "blocked": False,
        "autoBlock": True,
        "authentication": {"type": "username", "username": "u", "password": "canary-remote"},
    },
    "maven": {"versionPolicy": "RELEASE", "layoutPolicy": "PERMISSIVE"},
    "routingRule": "internal",
}
RULE = {"name": "internal", "description": "ours", "mode": "BLOCK", "matchers": ["^/com/example/.*"]}
VIEW = {
    "name": "ci-read",
    "type": "repository-view",
    "description": "",
    "actions": ["READ", "BROWSE"],
    "format": "maven2",
    "repository": "releases",
}
USER = {
    "userId": "ci",
    "firstName": "C",
    "lastName": "I",
    "emailAddress": "ci@example.org",
    "roles": ["ci"],
    "password": "canary-user",
}
TASK = {
    "name": "clean",
    "type": "repository.cleanup",
    "frequency": {"schedule": "cron", "cronExpression": "0 0 3 * * ?"},
    "properties": {"x": "y"},
}
GROUP = {
    "name": "all",
    "format": "maven2",
    "type": "group",
    "online": True,
    "storage": {"blobStoreName": "big", "strictContentTypeValidation": True},
    "group": {"memberNames": ["releases", "central"]},
}


CANARIES = ("canary-remote", "canary-user", "canary-mail", "canary-key")


def only_nexus(machine):
    """A playbook of this role alone: most of a run is the other one's."""
    with open(os.path.join(machine.share, "only-nexus.yml"), "w", encoding="utf-8") as stream:
        stream.write("- hosts: localhost\n  roles: [nexus]\n")
    return "/share/only-nexus.yml"


class Roles(unittest.TestCase):
    """One machine, in the order of its life; each step is a test of its own only in what it asserts."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        only_nexus(cls.machine)
        cls.variables = {
            **cls.machine.release(NEXUS_VERSION),
            "nexus_start_timeout_s": 120,
            "nexus_blob_stores": [
                {"name": "big", "path": "big", "softQuota": {"type": "spaceUsedQuota", "limit": "5 GiB"}},
                {"name": "far off", "path": "/srv/blobs/far"},
            ],
            "nexus_repositories": [GROUP, MAVEN, PROXY],
            "nexus_routing_rules": [RULE],
            "nexus_content_selectors": [{"name": "sel", "description": "", "expression": 'format == "maven2"'}],
            "nexus_privileges": [VIEW],
            "nexus_roles": [{"id": "ci", "name": "CI", "description": "", "privileges": ["ci-read"], "roles": ["nx-anonymous"]}],
            "nexus_users": [USER],
            "base_ntp_servers": ["ntp.example.org"],
            "base_node_exporter_enabled": True,
        }

    def converge(self, *arguments, expected=0, playbook="/share/only-nexus.yml", **changes):
        code, said, recap = self.machine.play(playbook, *arguments, **{**self.variables, **changes})
        self.assertEqual(code, expected, said)
        for secret in CANARIES:
            self.assertNotIn(secret, said)
        return " ".join(said.replace("\\n", " ").split()), recap

    def state(self):
        return json.loads(self.machine.read(STATE))

    def edit(self, change):
        """Changes the stand-in's state `s` behind the role's back, as somebody who clicks does."""
        program = "import json;s=json.load(open('%s'));%s;json.dump(s,open('%s','w'))" % (STATE, change, STATE)
        code, said = self.machine.run("python3", "-c", program)
        self.assertEqual(code, 0, said)

    def restarts(self):
        return self.machine.read("/run/systemctl.log").count("restart nexus.service")

    def unchanged(self, **changes):
        said, recap = self.converge(**changes)
        self.assertEqual((recap["changed"], recap["failed"]), (0, 0), said)

    def test_the_life_of_a_machine(self):
        # Each builds on the one before, and a run takes seconds.
        for step in (
            self.a_check_of_an_empty_machine_changes_nothing,
            self.what_does_not_fit_is_refused_before_anything_is_written,
            self.a_wrong_checksum_is_refused,
            self.the_first_run_installs_and_configures,
            self.the_second_run_changes_nothing,
            self.a_check_finds_drift_and_mends_nothing,
            self.the_next_run_mends_it_and_only_it,
            self.a_new_setting_restarts_once_and_the_licence_is_accepted_when_asked_for,
            self.a_restart_that_did_not_happen_is_made_up_for,
            self.what_nexus_refuses_is_said_without_a_secret,
            self.a_start_that_cannot_succeed_is_said_at_once,
            self.the_embedded_database_in_use_instead_of_postgresql_fails,
            self.an_address_of_its_own_is_asked_where_it_listens,
            self.a_password_that_somebody_changed_is_said,
        ):
            with self.subTest(step.__name__):
                step()

    def a_check_of_an_empty_machine_changes_nothing(self):
        _, recap = self.converge("--check", "--diff", playbook="nexus.yml")
        self.assertGreater(recap["changed"], 5)
        self.nothing_is_there()

    def nothing_is_there(self):
        for path in ("/opt/nexus", "/var/lib/nexus", "/etc/systemd/system/nexus.service", "/etc/nexus-admin.password"):
            self.assertNotEqual(self.machine.run("test", "-e", path)[0], 0, path)
        self.assertNotEqual(self.machine.run("id", "nexus")[0], 0)

    def what_does_not_fit_is_refused_before_anything_is_written(self):
        wrong = {"nexus_context_path": "nexus", "nexus_realms": ["LdapRealm"], "nexus_version": "3.86.2-01"}
        said, _ = self.converge(expected=2, **wrong)
        for words in ("begins with a slash", "cannot log in any more", "no package of Java 17"):
            self.assertIn(words, said)
        for words, changes in (
            ("No mount point", {"nexus_required_mounts": ["/srv/nfs"]}),
            ("nexus_postgresql_password", {"nexus_postgresql_host": "db.example"}),
        ):
            said, _ = self.converge(expected=2, **changes)
            self.assertIn(words, said)
        self.nothing_is_there()

    def a_wrong_checksum_is_refused(self):
        said, _ = self.converge(expected=2, nexus_checksum="sha256:" + "0" * 64)
        self.assertIn("checksum", said)
        self.assertNotEqual(self.machine.run("test", "-e", "/opt/nexus/current")[0], 0)

    def the_first_run_installs_and_configures(self):
        said, recap = self.converge("-v", playbook="nexus.yml")
        self.assertEqual(recap["failed"], 0)
        state = self.state()
        password = self.machine.read("/etc/nexus-admin.password").strip()
        self.assertRegex(password, r"^[A-Za-z0-9]{32}$")
        self.assertEqual(state["password"], password)
        self.assertNotIn(password, said)
        self.assertNotEqual(self.machine.run("test", "-e", "/var/lib/nexus/admin.password")[0], 0)
        self.assertEqual((state["anonymous"]["enabled"], state["anonymous"]["userId"]), (False, "anonymous"))
        self.assertEqual(state["stores"]["big"]["softQuota"]["limit"], 5 * 2**30)
        self.assertIn("far off", state["stores"])
        self.assertEqual(self.machine.run("stat", "-c", "%a %U", "/srv/blobs/far")[1].strip(), "750 nexus")
        self.assertLessEqual({"releases", "central", "all"}, set(state["repositories"]))
        self.assertEqual(state["repositories"]["central"]["routingRuleName"], "internal")
        self.assertEqual(state["users"]["ci"]["roles"], ["ci"])
        self.assertEqual(state["passwords"]["ci"], "canary-user")
        self.verify_files()

    def verify_files(self):
        release = "/opt/nexus/releases/nexus-" + NEXUS_VERSION
        modes = {
            "/etc/nexus-admin.password": "600 root root",
            "/var/lib/nexus": "750 nexus nexus",
            "/var/lib/nexus/etc/nexus.properties": "640 root nexus",
            release + "/bin/nexus": "755 root root",
        }
        for path, expected in modes.items():
            self.assertEqual(self.machine.run("stat", "-c", "%a %U %G", path)[1].strip(), expected, path)
        self.assertEqual(self.machine.run("readlink", "-f", "/opt/nexus/current")[1].strip(), release)
        self.assertNotEqual(self.machine.run("test", "-e", "/opt/nexus/releases/" + archive(NEXUS_VERSION))[0], 0)
        self.assertRegex(
            self.machine.read("/var/lib/nexus/log/jvm"), r"^-Xms(\d+)m -Xmx\1m -XX:MaxDirectMemorySize=\1m "
        )
        code, said = self.machine.run("systemd-analyze", "verify", "/etc/systemd/system/nexus.service")
        self.assertEqual((code, said), (0, ""))
        for unit in ("nexus", "systemd-timesyncd", "prometheus-node-exporter"):
            self.assertEqual(self.machine.run("systemctl", "is-enabled", unit)[1].strip(), "enabled", unit)
            self.assertEqual(self.machine.run("systemctl", "is-active", unit)[1].strip(), "active", unit)
        self.assertIn("SystemMaxUse=500M", self.machine.read("/etc/systemd/journald.conf.d/50-base.conf"))
        self.assertIn("NTP=ntp.example.org", self.machine.read("/etc/systemd/timesyncd.conf.d/50-base.conf"))
        self.assertIn('Automatic-Reboot "false"', self.machine.run("apt-config", "dump")[1])
        self.assertEqual(
            self.machine.read("/etc/default/prometheus-node-exporter"), 'ARGS="--web.listen-address=127.0.0.1:9100"\n'
        )

    def the_second_run_changes_nothing(self):
        # Somebody restarts it, and it writes a first password, which is not valid.
        self.machine.run("systemctl", "restart", "nexus.service")
        before = self.restarts()
        said, recap = self.converge("--check")
        self.assertEqual(recap["changed"], 0, said)
        self.assertEqual(self.machine.run("test", "-e", "/var/lib/nexus/admin.password")[0], 0)
        self.unchanged(playbook="nexus.yml")
        self.assertEqual(self.restarts(), before)

    def a_check_finds_drift_and_mends_nothing(self):
        self.edit("s['repositories']['releases']['online']=False;s['passwords']['ci']='other'")
        self.machine.run("sed", "-i", "s/=500M/=9G/", "/etc/systemd/journald.conf.d/50-base.conf")
        before = self.state()
        said, recap = self.converge("--check", "--diff", "-v", playbook="nexus.yml")
        self.assertEqual(recap["changed"], 2, said)
        self.assertIn("would have changed repository releases: online", said)
        self.assertIn("would have changed the password of user ci", said)
        self.assertEqual(self.state(), before)
        self.assertIn("SystemMaxUse=9G", self.machine.read("/etc/systemd/journald.conf.d/50-base.conf"))

    def the_next_run_mends_it_and_only_it(self):
        said, recap = self.converge(playbook="nexus.yml")
        # The file, the restart of its service, and the settings.
        self.assertEqual(recap["changed"], 3, said)
        state = self.state()
        self.assertTrue(state["repositories"]["releases"]["online"])
        self.assertEqual(state["passwords"]["ci"], "canary-user")
        self.assertEqual(state["repositories"]["central"]["routingRuleName"], "internal")

    def a_new_setting_restarts_once_and_the_licence_is_accepted_when_asked_for(self):
        before = self.restarts()
        self.edit("s['newer']=True")
        said, _ = self.converge("--check")
        self.assertIn("set nexus_accept_eula: true", said)
        self.variables.update(nexus_jvm_options=["-Dcanary=1"], nexus_accept_eula=True)
        said, recap = self.converge("--check")
        self.assertIn("would have changed licence", said)
        said, recap = self.converge()
        # The environment, that a restart is due, the restart, the settings.
        self.assertEqual(recap["changed"], 4, said)
        self.assertEqual(self.restarts(), before + 1)
        self.assertIn("-Dcanary=1", self.machine.read("/var/lib/nexus/log/jvm"))
        self.assertTrue(self.state()["eula"])

    def a_restart_that_did_not_happen_is_made_up_for(self):
        """A run was cut short after it wrote: nothing differs on the disk any more."""
        before = self.restarts()
        self.machine.run("sed", "-i", "s/-Dcanary=1/-Dcanary=2/", "/etc/default/nexus")
        self.variables.update(nexus_jvm_options=["-Dcanary=2"])
        self.converge()
        self.assertEqual(self.restarts(), before + 1)
        self.assertIn("-Dcanary=2", self.machine.read("/var/lib/nexus/log/jvm"))
        self.unchanged()

    def what_nexus_refuses_is_said_without_a_secret(self):
        self.edit("s['broken']={'/repositories/maven/proxy/central':[500,'ERROR: (ID x) password canary-remote']}")
        for arguments in (("-v",), ("--check", "-v")):
            said, _ = self.converge(*arguments, expected=2)
            self.assertIn("repository central could not be read: 500 ERROR: (ID x) password ***", said)
        self.edit("s['broken']={}")

    def a_start_that_cannot_succeed_is_said_at_once(self):
        for option, words in (("-XX:NoSuchOption", "the unit is failed"), ("-Dlost=1", "from a later version of Nexus")):
            started = time.monotonic()
            said, _ = self.converge(expected=2, nexus_jvm_options=[option], nexus_start_timeout_s=3600)
            self.assertIn("Nexus does not run", said)
            self.assertIn(words, said)
            self.assertLess(time.monotonic() - started, 1800)

    def the_embedded_database_in_use_instead_of_postgresql_fails(self):
        asked = {"nexus_postgresql_host": "db.example", "nexus_postgresql_password": "canary-key"}
        self.assertIn("migrator", self.converge(expected=2, **asked)[0])
        # As the migrator leaves it; and this release has no PostgreSQL.
        self.machine.run("touch", "/var/lib/nexus/etc/fabric/nexus-store.properties")
        said, _ = self.converge(expected=2, **asked)
        self.assertIn("uses the embedded database /var/lib/nexus/db/nexus.mv.db all the same", said)

    def an_address_of_its_own_is_asked_where_it_listens(self):
        self.variables.update(nexus_host="127.9.9.9", nexus_context_path="/n/", nexus_backup_schedule="")
        self.converge("--check")
        self.converge()
        self.unchanged()

    def a_password_that_somebody_changed_is_said(self):
        said, _ = self.converge("--check", expected=2, nexus_admin_password="not-it")
        self.assertIn("somebody changed it", said)


class OldestCore(PlaybookTest):
    def test_the_playbook_is_understood_by_every_ansible_core_from_the_oldest(self):
        from tests.support import REPOSITORY

        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.folder({})
                playbook = os.path.join(REPOSITORY, "nexus.yml")
                code, said = folder.play(venv, "--syntax-check", playbook, ANSIBLE_ROLES_PATH=REPOSITORY + "/roles")
                self.assertEqual(code, 0, said)
