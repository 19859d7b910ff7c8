import json
import os
import pwd
import signal
import subprocess
import sys
import time

from tests import PROGRAM
from tests.support import AnsibleTest, MachineTest, Repository, configuration, lives, seed_of

SITE = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ target }}"
        content: "{{ text | default('x') }}"
        mode: "0600"
"""
FAKE_PULL = '#!/bin/sh\n[ "$1" = --version ] && { echo "ansible-pull [core 2.19.0]"; exit; }\n%s\n'


class Refusals(MachineTest):
    """What this agent cannot do it refuses, before anything is fetched, where somebody sees it."""

    def refused(self, said, secrets=None, **changes):
        self.must_adopt(seed_of(configuration(**changes), secrets))
        self.place("/usr/local/bin/ansible-pull", FAKE_PULL % ('touch "%s/was-run"' % self.root), 0o755)
        self.place("/usr/local/bin/git", FAKE_PULL % ('touch "%s/was-run"' % self.root), 0o755)
        done = self.agent("run")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertFalse(self.exists("/was-run"))
        self.assertEqual(self.state()["last_run"]["reason"], "config_unsupported")
        for place in (self.read("/dev/console"), done.stderr, self.agent("status").stdout):
            self.assertIn(said, place)
        self.assertEqual(self.agent("status").returncode, 1)

    def test_names_that_ansible_pull_would_split(self):
        for run in ({"playbooks": ["site.yml", "two words.yml"]}, {"inventory": "it's"}):
            with self.subTest(run):
                self.refused("splits such a name", generation=os.urandom(32).hex(), run=run)

    def test_a_configuration_that_does_not_keep_the_contract(self):
        self.must_adopt(seed_of(configuration()))
        config = configuration(surprise=1)
        self.place("/etc/nexus-pull/agent.json", json.dumps(config), 0o600)
        self.assertEqual(self.agent("run").returncode, 1)
        self.assertIn("unknown keys: surprise", self.read("/dev/console"))


class Missing(MachineTest):
    def test_ansible_is_said_to_be_missing(self):
        self.must_adopt(seed_of(configuration()))
        from nexus_pull import paths

        # A machine without ansible, whatever this one has.
        os.symlink("/bin/sh", self.root + "/usr/local/bin/sh")
        before, paths.SYSTEM_PATH = paths.SYSTEM_PATH, self.root + "/nowhere"
        self.addCleanup(setattr, paths, "SYSTEM_PATH", before)
        from nexus_pull import run

        handler = signal.getsignal(signal.SIGTERM)
        self.addCleanup(signal.signal, signal.SIGTERM, handler)
        self.assertEqual(self.quietly(run.run, self.paths, sleep=lambda _: None), 1)
        self.assertEqual(self.state()["last_run"]["reason"], "ansible_missing")
        self.assertIn("ansible_missing", self.read("/dev/console"))

    def test_an_old_ansible_is_refused(self):
        self.must_adopt(seed_of(configuration(bootstrap={"ansible_core": {"minimum": "2.16"}})))
        self.place("/usr/local/bin/ansible-pull", '#!/bin/sh\necho "ansible-pull [core 2.9.27]"\n', 0o755)
        self.assertEqual(self.agent("run").returncode, 1)
        self.assertEqual(self.state()["last_run"]["reason"], "ansible_too_old")


class WithFakePull(MachineTest):
    """The agent around ansible-pull: deadline, signals, lock. The program itself is a shell script here."""

    def ready(self, script, **run):
        repository = Repository(self.root + "/srv/r")
        repository.commit({"site.yml": "[]\n"})
        config = configuration(source={"url": repository.url}, run=run)
        self.must_adopt(seed_of(config, {"git_token": "CANARY-secret"}))
        self.place("/usr/local/bin/ansible-pull", FAKE_PULL % script, 0o755)

    def start(self):
        env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen([sys.executable, PROGRAM, "run"], env=env, **pipes)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        deadline = time.monotonic() + 20
        while not self.exists("/started") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(self.exists("/started"))
        return child

    def slow(self):
        return 'echo $$ >"%s/started"; sleep 60 & wait' % self.root

    def assert_gone(self):
        self.assertFalse(lives(int(self.read("/started"))))

    def test_exit_code_0_alone_is_never_a_success(self):
        self.ready("exit 0")
        done = self.agent("run")
        # Nothing was checked out, and 0 came back: a false green for whoever believes exit codes.
        self.assertEqual((done.returncode, self.state()["last_run"]["reason"]), (1, "evidence_missing"))

    def test_a_deadline_ends_everything(self):
        self.ready(self.slow(), timeout_s=1)
        self.assertEqual(self.agent("run").returncode, 1)
        self.assertEqual(self.state()["last_run"]["reason"], "timeout")
        self.assert_gone()

    def test_sigterm_ends_ansible_and_is_written_down(self):
        self.ready(self.slow())
        child = self.start()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(15), 143)
        last = self.state()["last_run"]
        self.assertEqual((last["outcome"], last["reason"]), ("interrupted", "terminated"))
        self.assert_gone()

    def test_a_second_run_ends_at_once(self):
        self.ready(self.slow())
        child = self.start()
        before = self.state()
        self.assertEqual(self.agent("run").returncode, 75)
        self.assertIn(before["last_run"]["run_id"], self.read("/dev/console"))
        self.assertEqual(self.state(), before)
        self.assertIn('"outcome": "running"', self.agent("status", "--json").stdout)
        child.send_signal(signal.SIGTERM)
        child.wait(15)

    def test_a_killed_agent_is_found_out(self):
        self.ready(self.slow())
        child = self.start()
        child.kill()
        child.wait()
        os.kill(int(self.read("/started")), signal.SIGTERM)
        status = json.loads(self.agent("status", "--json").stdout)["last_run"]
        self.assertEqual((status["outcome"], status["reason"]), ("interrupted", "agent_killed"))
        state = self.state()
        state["last_run"]["boot_id"] = "another boot"
        self.place("/var/lib/nexus-pull/state.json", json.dumps(state))
        status = json.loads(self.agent("status", "--json").stdout)["last_run"]
        self.assertEqual(status["reason"], "machine_restarted")

    def test_its_own_environment_and_no_secret_anywhere(self):
        spy = 'env >"%s/env.log"; echo "$*" >"%s/argv.log"; ' % (self.root, self.root)
        self.ready(spy + 'echo "leak CANARY-secret"; exit 3')
        done = self.agent("run")
        self.assertEqual(done.returncode, 3)
        env = dict(line.split("=", 1) for line in self.read("/env.log").splitlines() if "=" in line)
        account = pwd.getpwuid(os.geteuid())
        seen = [env[name] for name in ("LC_ALL", "HOME", "USER", "LOGNAME")]
        self.assertEqual(seen, ["C.UTF-8", account.pw_dir, account.pw_name, account.pw_name])
        self.assertLessEqual(
            set(env),
            {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LC_ALL", "LANG"}
            | {"NEXUS_PULL_ROOT", "PYTHONUNBUFFERED", "ANSIBLE_NOCOLOR"}
            | {"NEXUS_PULL_RUN_DIR", "ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_CALLBACKS_ENABLED"}
            | {"ANSIBLE_LOG_PATH", "ANSIBLE_NO_TARGET_SYSLOG", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"}
            | {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
            | {"PWD", "OLDPWD", "SHLVL", "_"},  # the shell's own
        )
        self.assertIn("leak ***", self.read("/var/log/ansible-pull.log"))
        state = self.read("/var/lib/nexus-pull/state.json")
        for text in (done.stdout, done.stderr, state, self.read("/argv.log"), self.read("/env.log")):
            self.assertNotIn("CANARY", text)
        self.assertEqual(self.mode("/var/log/ansible-pull.log"), "0o600")


class WithAnsible(AnsibleTest):
    """Real git, real ansible-core: what is not in the truth table, which has the rest (agent/truth)."""

    def setUp(self):
        super().setUp()
        self.repository = Repository(self.root + "/srv/r")

    def run_site(self, repository_files=None, secrets=None, **changes):
        commit = self.repository.commit(repository_files or {"site.yml": SITE})
        run = {"extra_vars": {"target": self.root + "/made"}, **changes.pop("run", {})}
        generation = os.urandom(32).hex()
        config = configuration(generation=generation, source={"url": self.repository.url}, run=run, **changes)
        self.must_adopt(seed_of(config, secrets))
        return commit, self.agent("run")

    def last(self):
        return self.state()["last_run"]

    def test_what_another_stream_proved_does_not_make_this_one_up_to_date(self):
        self.run_site()
        ran = self.last()["run_id"]
        self.assertEqual(self.agent("run", "--trigger", "timer").returncode, 0)
        self.assertEqual((self.last()["run_id"], self.state()["last_skipped"]["reason"]), (ran, "up_to_date"))
        os.unlink(self.paths.stream)
        self.assertEqual(self.agent("run", "--trigger", "timer").returncode, 0)
        self.assertNotEqual(self.last()["run_id"], ran)
        self.assertEqual(self.last()["outcome"], "unchanged")

    def test_an_inventory_of_the_repository_is_the_commits_own(self):
        play = SITE.replace("hosts: all", "hosts: web")
        old = {"site.yml": play, "hosts.ini": "[web]\nelsewhere ansible_connection=local\n"}
        self.run_site(old, run={"inventory": "hosts.ini"})
        self.assertFalse(self.exists("/made"))
        # With the last checkout still there, ansible-pull takes the old inventory for the checkout itself: no host of
        # it is this machine, nothing is checked out, and the old commit runs.
        new = {"hosts.ini": "[web]\nlocalhost ansible_connection=local\n"}
        commit, done = self.run_site(new, run={"inventory": "hosts.ini"})
        self.assertEqual((done.returncode, self.last()["applied_sha"]), (0, commit), done.stdout)
        self.assertEqual(self.read("/made"), "x")

    def test_the_inventory_that_ansible_cfg_names_is_used(self):
        files = {"ansible.cfg": "[defaults]\ninventory = inv\n", "inv": "[web]\nlocalhost ansible_connection=local\n"}
        _, done = self.run_site({**files, "site.yml": SITE.replace("hosts: all", "hosts: web")})
        self.assertEqual((done.returncode, self.exists("/made")), (0, True), done.stdout)

    def test_tags_and_vault_password(self):
        password = "CANARY vault password"
        self.place("/pw", password)
        vault = os.path.join(os.path.realpath(self.root + "/usr/local/bin/ansible"), "..", "ansible-vault")
        argv = [os.path.normpath(vault), "encrypt_string", "--vault-password-file", self.root + "/pw", "hidden"]
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        secret = subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.strip()
        play = SITE.replace("  tasks:\n", "  vars:\n    text: %s\n  tasks:\n" % secret)
        play += "      tags: [yes_please]\n    - {ansible.builtin.fail: {msg: untagged}}\n"
        _, done = self.run_site({"site.yml": play}, {"vault_password": password}, run={"tags": ["yes_please"]})
        self.assertEqual((done.returncode, self.read("/made")), (0, "hidden"), done.stdout)
        self.assertNotIn("CANARY", done.stdout + done.stderr + self.read("/var/log/ansible-pull.log"))
