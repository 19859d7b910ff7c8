"""nexus.yml on a Debian machine in namespaces: converge, converge again, check, drift, verify."""

import json
import os
import unittest

from tests.machine import ARCHIVE, NEXUS_VERSION, Machine
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
}
GROUP = {
    "name": "all",
    "format": "maven2",
    "type": "group",
    "online": True,
    "storage": {"blobStoreName": "big", "strictContentTypeValidation": True},
    "group": {"memberNames": ["releases", "central"]},
}


class Roles(unittest.TestCase):
    """One machine, in the order of its life; each step is a test of its own only in what it asserts."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        cls.variables = {
            "nexus_download_url": "http://127.0.0.1:8099/" + ARCHIVE,
            "nexus_checksum": cls.machine.checksum,
            "nexus_start_timeout_s": 60,
            "nexus_blob_stores": [{"name": "big", "path": "big"}],
            "nexus_repositories": [MAVEN, PROXY, GROUP],
            "nexus_realms": ["NexusAuthenticatingRealm", "DockerToken"],
            "base_ntp_servers": ["ntp.example.org"],
            "base_node_exporter_enabled": True,
        }

    def converge(self, *arguments, expected=0, **changes):
        code, said, recap = self.machine.play("nexus.yml", *arguments, **{**self.variables, **changes})
        self.assertEqual(code, expected, said)
        return said, recap

    def state(self):
        return json.loads(self.machine.read(STATE))

    def test_the_life_of_a_machine(self):
        # Each builds on the one before, and a run takes seconds.
        for step in (
            self.a_check_of_an_empty_machine_changes_nothing,
            self.a_wrong_checksum_is_refused,
            self.the_first_run_installs_and_configures,
            self.the_second_run_changes_nothing,
            self.a_check_finds_drift_and_mends_nothing,
            self.the_next_run_mends_it_and_only_it,
            self.a_new_setting_restarts_once_and_the_licence_is_accepted_when_asked_for,
            self.a_password_that_somebody_changed_is_said,
        ):
            step()

    def a_check_of_an_empty_machine_changes_nothing(self):
        _, recap = self.converge("--check", "--diff")
        self.assertGreater(recap["changed"], 5)
        for path in (
            "/opt/nexus",
            "/var/lib/nexus",
            "/etc/systemd/system/nexus.service",
            "/etc/nexus-admin.password",
        ):
            self.assertNotEqual(self.machine.run("test", "-e", path)[0], 0, path)
        self.assertNotEqual(self.machine.run("id", "nexus")[0], 0)

    def a_wrong_checksum_is_refused(self):
        said, _ = self.converge(expected=2, nexus_checksum="sha256:" + "0" * 64)
        self.assertIn("checksum", said)
        self.assertNotEqual(self.machine.run("test", "-e", "/opt/nexus/current")[0], 0)

    def the_first_run_installs_and_configures(self):
        said, recap = self.converge()
        self.assertEqual(recap["failed"], 0)
        self.assertNotIn("canary", said)
        state = self.state()
        password = self.machine.read("/etc/nexus-admin.password").strip()
        self.assertRegex(password, r"^[A-Za-z0-9]{32}$")
        self.assertEqual(state["password"], password)
        self.assertNotIn(password, said)
        self.assertNotEqual(self.machine.run("test", "-e", "/var/lib/nexus/admin.password")[0], 0)
        self.assertEqual(state["realms"], ["NexusAuthenticatingRealm", "DockerToken"])
        self.assertEqual((state["anonymous"]["enabled"], state["anonymous"]["userId"]), (False, "anonymous"))
        self.assertEqual(sorted(state["stores"]), ["big", "default"])
        self.assertEqual(
            sorted(state["repositories"]), ["maven/group/all", "maven/hosted/releases", "maven/proxy/central"]
        )
        self.assertFalse(state["eula"])
        self.assertIn("nexus_accept_eula", said)
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
        self.assertNotEqual(self.machine.run("test", "-e", "/opt/nexus/releases/" + ARCHIVE)[0], 0)
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
        before = self.machine.read("/run/systemctl.log").count("restart")
        said, recap = self.converge()
        self.assertEqual((recap["changed"], recap["failed"]), (0, 0), said)
        self.assertEqual(self.machine.read("/run/systemctl.log").count("restart"), before)

    def a_check_finds_drift_and_mends_nothing(self):
        self.drift()
        before = self.state()
        said, recap = self.converge("--check", "--diff")
        self.assertEqual(recap["changed"], 2, said)
        self.assertIn("would write repository releases", said)
        self.assertEqual(self.state(), before)
        self.assertIn("SystemMaxUse=9G", self.machine.read("/etc/systemd/journald.conf.d/50-base.conf"))

    def drift(self):
        """Somebody clicked, and somebody edited."""
        change = (
            "import json;s=json.load(open('%s'));s['repositories']['maven/hosted/releases']['online']=False;" % STATE
        )
        code, said = self.machine.run("python3", "-c", change + "json.dump(s,open('%s','w'))" % STATE)
        self.assertEqual(code, 0, said)
        self.machine.run("sed", "-i", "s/=500M/=9G/", "/etc/systemd/journald.conf.d/50-base.conf")

    def the_next_run_mends_it_and_only_it(self):
        said, recap = self.converge()
        # The file, the restart of its service, and the repository.
        self.assertEqual(recap["changed"], 3, said)
        self.assertTrue(self.state()["repositories"]["maven/hosted/releases"]["online"])

    def a_new_setting_restarts_once_and_the_licence_is_accepted_when_asked_for(self):
        before = self.machine.read("/run/systemctl.log").count("restart nexus")
        self.variables.update(nexus_jvm_options=["-Dcanary=1"], nexus_accept_eula=True)
        said, recap = self.converge()
        # The environment, the restart, the licence.
        self.assertEqual(recap["changed"], 3, said)
        self.assertEqual(self.machine.read("/run/systemctl.log").count("restart nexus"), before + 1)
        self.assertIn("-Dcanary=1", self.machine.read("/var/lib/nexus/log/jvm"))
        self.assertTrue(self.state()["eula"])

    def a_password_that_somebody_changed_is_said(self):
        said, _ = self.converge(expected=2, nexus_admin_password="not-it")
        self.assertIn("somebody changed it", " ".join(said.split()))


class OldestCore(PlaybookTest):
    def test_the_playbook_is_understood_by_every_ansible_core_from_the_oldest(self):
        from tests.support import REPOSITORY

        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.folder({})
                playbook = os.path.join(REPOSITORY, "nexus.yml")
                code, said = folder.play(venv, "--syntax-check", playbook, ANSIBLE_ROLES_PATH=REPOSITORY + "/roles")
                self.assertEqual(code, 0, said)
