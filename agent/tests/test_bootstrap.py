"""`nexus-pull-agent bootstrap` on a machine that lacks things, with apt, dnf and pip that fail as real ones did."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest.mock

from tests import PROGRAM
from tests.package_index import PackageIndex
from tests.support import MachineTest, configuration, keeps_event_schema, merged, sha256
from tests.test_bootstrap_reasons import outputs

# All that a fake program may need of the host; git and ansible-pull are not among them.
TOOLS = ("sh", "cat", "chmod", "mkdir", "rm", "sleep", "touch", "grep", "python3")
INSTALLS = """#!/bin/sh
echo "${{0##*/}} $*" >>{root}/calls
[ ! -e {root}/hangs ] || {{ cat {root}/hangs; exec sleep 60; }}
[ ! -e {root}/fails ] || {{ cat {root}/fails; exit "$(cat {root}/fails-with)"; }}
case " $* " in *" install "*) for name in "$@"; do
  [ ! -e "{root}/packages/$name" ] || sh "{root}/packages/$name"
done ;; esac
"""
ANSIBLE = "#!/bin/sh\necho 'ansible-pull [core %s]'\n"


class Clock:
    """Sleeping takes no time, and time passes by it."""

    def __init__(self):
        self.now = 1000.0
        self.pauses = []
        self.on_sleep = lambda: None

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds
        self.on_sleep()

    def monotonic(self):
        return self.now


class BootstrapTest(MachineTest):
    def setUp(self):
        super().setUp()
        os.makedirs(self.root + "/tools")
        for name in TOOLS:
            os.symlink(shutil.which(name), self.root + "/tools/" + name)
        os.unlink(self.root + "/tools/python3")
        self.place("/tools/python3", '#!/bin/sh\nexec "%s" "$@"\n' % sys.executable, 0o755)
        patched = unittest.mock.patch.dict(os.environ, {"NEXUS_PULL_SYSTEM_PATH": self.root + "/tools"})
        patched.start()
        self.addCleanup(patched.stop)
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            os.environ.pop(name, None)
        self.clock = Clock()
        self.place("/usr/local/bin/nexus-pull-agent", "")
        shutil.copy(PROGRAM, self.paths.program)
        self.configure()

    def configure(self, **changes):
        config = configuration(**merged({"receiver": {"url": "http://127.0.0.1:9/webhook", "heartbeat_s": 900}}, changes))
        self.place("/etc/nexus-pull/agent.json", json.dumps(config))

    def program(self, name, text="#!/bin/sh\nexit 0\n"):
        self.place("/usr/local/bin/" + name, text, 0o755)

    def have(self, git=True, ansible="2.19.3"):
        if git:
            self.program("git", "#!/bin/sh\necho git version 2.39.5\n")
        if ansible:
            self.program("ansible-pull", ANSIBLE % ansible)

    def manager(self, name="apt-get", **packages):
        """A package manager that has these packages: {name: the program and text that it brings}."""
        self.program(name, INSTALLS.format(root=self.root))
        if name == "apt-get":
            self.program("dpkg", INSTALLS.format(root=self.root))
        for package, (brings, text) in packages.items():
            target = self.root + "/usr/local/bin/" + brings
            script = "cat >%s <<'END'\n%sEND\nchmod 755 %s\n" % (target, text, target)
            self.place("/packages/" + package.replace("_", "-"), script)

    def manager_fails(self, text, code=100):
        self.place("/fails", text)
        self.place("/fails-with", "%d\n" % code)

    def bootstrap(self, jitter=0.5):
        from nexus_pull.bootstrap import bootstrap

        return self.quietly(bootstrap, self.paths, self.clock.sleep, self.clock.monotonic, lambda: jitter)

    def events(self):
        from nexus_pull.events.spool import Spool

        found = [json.loads(one.read()) for one in Spool(self.paths).waiting()]
        for event in found:
            keeps_event_schema(event)
        return [(event["type"][len("io.nexus-pull.") :], event["data"]) for event in found]

    def failure(self):
        kind, data = self.events()[-1]
        self.assertEqual(kind, "bootstrap.failed")
        return data

    def steps(self):
        return [(data["step"], data["status"]) for kind, data in self.events() if kind == "bootstrap.step"]

    def calls(self):
        return self.read("/calls").splitlines() if self.exists("/calls") else []


class NothingMissing(BootstrapTest):
    def test_an_image_that_has_it_all_is_left_alone_and_said_to_be_complete(self):
        self.have()
        self.manager()
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.steps(), [("agent", "skipped"), ("git", "skipped"), ("ansible", "skipped")])
        kind, data = self.events()[-1]
        self.assertEqual((kind, data["ansible_version"], data["git_version"]), ("bootstrap.succeeded", "2.19.3", "2.39.5"))
        self.assertNotIn("installed", data)

    def test_the_next_one_says_nothing(self):
        self.have()
        self.bootstrap()
        before = self.events()
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.events(), before)

    def test_a_program_that_went_away_later_is_installed_again(self):
        self.have()
        self.manager(git=("git", "#!/bin/sh\necho git version 2.47.0\n"))
        self.bootstrap()
        os.unlink(self.root + "/usr/local/bin/git")
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.events()[-1][1]["installed"], ["git"])

    def test_new_wishes_are_reported_again(self):
        self.have()
        self.bootstrap()
        self.configure(bootstrap={"ansible_core": {"minimum": "2.16"}})
        self.bootstrap()
        self.assertEqual([kind for kind, _ in self.events()].count("bootstrap.succeeded"), 2)


class Installing(BootstrapTest):
    def test_git_and_ansible_come_from_the_distribution(self):
        self.manager(git=("git", "#!/bin/sh\necho git version 2.39.5\n"), ansible_core=("ansible-pull", ANSIBLE % "2.14.18"))
        self.assertEqual(self.bootstrap(), 0)
        kind, data = self.events()[-1]
        self.assertEqual((kind, data["installed"]), ("bootstrap.succeeded", ["git", "ansible-core"]))
        self.assertEqual(self.steps()[1:], [("git", "started"), ("git", "done"), ("ansible", "started"), ("ansible", "done")])

    def test_dnf_is_used_where_there_is_no_apt(self):
        self.manager("dnf", git=("git", "#!/bin/sh\n"), ansible_core=("ansible-pull", ANSIBLE % "2.14.18"))
        self.assertEqual(self.bootstrap(), 0)
        self.assertTrue(all(call.startswith("dnf -y") for call in self.calls()), self.calls())

    def test_what_a_source_needs_is_installed_too(self):
        self.have()
        self.manager("dnf", openssh_clients=("ssh", "#!/bin/sh\n"), gnupg2=("gpg", "#!/bin/sh\n"))
        key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        verify = {"policy": "gpg", "object": "tag", "keyring": key}
        self.configure(source={"url": "git@git.example:r.git", "known_hosts": ["x"], "verify": verify})
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.events()[-1][1]["installed"], ["openssh-clients", "gnupg2"])

    def test_an_installation_that_was_cut_off_is_ended_first(self):
        self.have(git=False)
        self.manager(git=("git", "#!/bin/sh\n"))
        self.bootstrap()
        self.assertEqual(self.calls()[0], "dpkg --configure -a")

    def test_what_is_installed_gets_the_usual_modes(self):
        self.have(git=False)
        self.manager(git=("git", "#!/bin/sh\n"))
        self.place("/packages/git", self.read("/packages/git") + "mkdir %s/made\n" % self.root)
        self.bootstrap()
        self.assertEqual(self.mode("/made"), "0o755")

    def test_fails_when_the_package_brings_no_program(self):
        self.have(git=False)
        self.manager()
        self.assertEqual(self.bootstrap(), 1)
        self.assertEqual(self.failure()["reason"], "git_missing")


class OlderThanWanted(BootstrapTest):
    def setUp(self):
        super().setUp()
        self.have(ansible="2.14.18")
        self.manager(ansible_core=("ansible-pull", ANSIBLE % "2.19.3"))

    def candidate(self, version):
        self.program("apt-cache", "#!/bin/sh\nprintf 'ansible-core:\\n  Candidate: %s\\n'\n" % version)

    def test_the_distributions_newer_one_is_taken(self):
        self.candidate("2.19.3-1~deb13u1")
        self.configure(bootstrap={"ansible_core": {"minimum": "2.16"}})
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.events()[-1][1]["ansible_version"], "2.19.3")

    def test_the_very_release_that_is_asked_for_is_new_enough(self):
        self.configure(bootstrap={"ansible_core": {"minimum": "2.14.18"}})
        self.assertEqual(self.bootstrap(), 0)
        self.assertIn(("ansible", "skipped"), self.steps())
        self.assertEqual(self.calls(), [])

    def test_fails_at_once_when_nothing_newer_can_be_had(self):
        self.candidate("2.14.18-0+deb12u2")
        self.configure(bootstrap={"ansible_core": {"minimum": "2.16"}})
        self.assertEqual(self.bootstrap(), 1)
        failed = self.failure()
        self.assertEqual((failed["reason"], failed["attempts"]), ("ansible_too_old", 1))
        self.assertIn("2.14.18 here and 2.14.18 in the distribution, at least 2.16", failed["message"])

    def test_a_network_that_is_down_is_not_taken_for_an_old_distribution(self):
        self.program("apt-cache", "#!/bin/sh\nexit 0\n")
        self.manager_fails("E: Failed to fetch http://x/  Could not resolve 'x'\n")
        self.configure(bootstrap={"ansible_core": {"minimum": "2.16"}})
        self.assertEqual(self.bootstrap(), 1)
        self.assertEqual(self.failure()["reason"], "dns_failure")

    def test_fails_at_once_when_this_python_cannot_run_the_pinned_one(self):
        self.configure(bootstrap={"ansible_core": {"minimum": "2.16", "pip": "2.22.0"}})
        with unittest.mock.patch.object(sys, "version_info", (3, 9, 2, "final", 0)):
            self.assertEqual(self.bootstrap(), 1)
        failed = self.failure()
        self.assertEqual((failed["reason"], failed["attempts"]), ("python_too_old", 1))
        self.assertIn("needs Python 3.13 or newer, and this is Python 3.9", failed["message"])


class Failing(BootstrapTest):
    """Each failure of a package manager or of pip that was seen, through the whole of bootstrap."""

    def run_with(self, output):
        name = {"apt": "apt-get", "dnf": "dnf"}[output.program]
        self.have(ansible=None)
        self.manager(name)
        self.manager_fails(output.text, output.exit_code)
        self.configure(bootstrap={"deadline_s": 8})
        if output.proxies:
            os.environ["http_proxy"] = "http://%s/" % output.proxies[0]
        self.assertEqual(self.bootstrap(), 1)
        return self.failure()

    def test_apt_and_dnf_in_every_way_that_was_seen(self):
        from nexus_pull.bootstrap import diagnose

        seen = [one for one in outputs() if one.program in ("apt", "dnf")]
        self.assertGreater(len(seen), 25)
        for output in seen:
            with self.subTest(output.name):
                self.doCleanups()
                self.setUp()
                failed = self.run_with(output)
                self.assertEqual((failed["step"], failed["reason"]), ("ansible", output.reason))
                self.assertEqual(failed["exit_code"], output.exit_code)
                self.assertTrue(failed["command"].startswith(("apt-get", "dnf")), failed["command"])
                last = [line for line in output.text.splitlines() if line.strip()][-1]
                self.assertIn(last.rstrip()[:200], "\n".join(failed["tail"]))
                permanent = output.reason in diagnose.PERMANENT
                self.assertEqual(failed["attempts"] == 1, permanent, "tried again exactly when that may help")
                for place in ("/dev/console", "/run/motd.d/nexus-pull", "/run/issue.d/nexus-pull.issue"):
                    self.assertIn("bootstrap FAILED at step ansible", self.read(place))
                    self.assertIn(output.reason, self.read(place))

    def test_pip_in_every_way_that_was_seen(self):
        seen = [one for one in outputs() if one.program == "pip"]
        self.assertGreater(len(seen), 10)
        for output in seen:
            with self.subTest(output.name):
                self.doCleanups()
                self.setUp()
                self.have(ansible="2.11.0")
                self.manager_fails(output.text, output.exit_code)
                # `python3 -m venv DIR` makes a python that is as broken as pip's surroundings.
                broken = "#!/bin/sh\ncat %s/fails; exit %d\n" % (self.root, output.exit_code)
                make = 'mkdir -p "$4/bin"; cat >"$4/bin/python" <<\'END\'\n%sEND\nchmod 755 "$4/bin/python"\n' % broken
                self.place("/tools/python3", "#!/bin/sh\n" + make, 0o755)
                pinned = "2.21.5" if output.name == "pip-requires-python" else "2.16.19"
                self.configure(bootstrap={"deadline_s": 8, "ansible_core": {"minimum": "2.14", "pip": pinned}})
                if output.proxies:
                    os.environ["https_proxy"] = "http://%s/" % output.proxies[0]
                with unittest.mock.patch.object(sys, "version_info", (3, 12, 0, "final", 0)):
                    self.assertEqual(self.bootstrap(), 1)
                self.assertEqual(self.failure()["reason"], output.reason)

    def test_it_is_tried_again_until_it_works(self):
        self.have(git=False)
        self.manager(git=("git", "#!/bin/sh\n"))
        self.manager_fails("E: Failed to fetch http://x/  Could not resolve 'x'\n")
        self.clock.on_sleep = lambda: len(self.clock.pauses) < 3 or os.unlink(self.root + "/fails")
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.clock.pauses, [5, 10, 20])
        retrying = [data for _, data in self.events() if data.get("status") == "retrying"]
        self.assertEqual([(data["attempt"], data["reason"]) for data in retrying], [(n, "dns_failure") for n in (1, 2, 3)])

    def test_status_says_so_until_it_has_succeeded(self):
        self.have(git=False)
        self.manager(git=("git", "#!/bin/sh\n"))
        self.manager_fails("E: Unable to locate package git\n")
        self.bootstrap()
        done = self.agent("status")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "BOOTSTRAP FAILED at step git, 20.*Z: package_not_found: apt-get .* ended with 100")
        self.assertEqual(json.loads(self.agent("status", "--json").stdout)["alarms"], ["package_not_found"])
        # It was installed by hand meanwhile: nothing is missing, and that is reported.
        self.have()
        self.assertEqual(self.bootstrap(), 0)
        self.assertEqual(self.events()[-1][0], "bootstrap.succeeded")
        self.assertNotIn("BOOTSTRAP", self.agent("status").stdout)

    def test_it_gives_up_at_the_deadline_and_not_after_it(self):
        self.have(git=False)
        self.manager()
        self.manager_fails("E: Failed to fetch http://x/  Could not resolve 'x'\n")
        self.configure(bootstrap={"deadline_s": 300})
        self.assertEqual(self.bootstrap(), 1)
        self.assertLessEqual(sum(self.clock.pauses), 300)
        self.assertGreaterEqual(sum(self.clock.pauses), 240)
        self.assertEqual(max(self.clock.pauses), 60)

    def test_without_any_package_manager(self):
        self.have(git=False)
        self.configure(bootstrap={"deadline_s": 1})
        self.assertEqual(self.bootstrap(), 1)
        self.assertIn("neither apt-get nor dnf", self.failure()["message"])

    def test_another_agent_than_the_one_that_is_configured(self):
        self.have()
        self.configure(agent={"version": "9.9.9", "sha256": "f" * 64})
        self.assertEqual(self.bootstrap(), 1)
        failed = self.failure()
        self.assertEqual((failed["step"], failed["reason"], failed["attempts"]), ("agent", "agent_mismatch", 1))
        self.assertIn("asks for agent 9.9.9 (sha256 ffffffffffff...)", failed["message"])
        self.assertIn(sha256(PROGRAM)[:12], failed["message"])

    def test_secrets_that_a_program_prints_go_nowhere(self):
        self.have(git=False)
        self.manager()
        self.place("/etc/nexus-pull/secrets/git_token", "canary-in-a-proxy-url")
        self.manager_fails("E: Failed to fetch http://u:canary-in-a-proxy-url@p/  Could not resolve 'p'\n")
        self.configure(bootstrap={"deadline_s": 1})
        self.assertEqual(self.bootstrap(), 1)
        for path, content in self.tree().items():
            if path not in ("/fails", "/etc/nexus-pull/secrets/git_token"):
                self.assertNotIn(b"canary-in-a-proxy-url", content, path)
        self.assertIn("http://u:***@p/", "\n".join(self.failure()["tail"]))


class Notice(BootstrapTest):
    def test_it_goes_away_when_all_is_good(self):
        self.have(git=False)
        self.manager(git=("git", "#!/bin/sh\n"))
        self.manager_fails("E: Unable to locate package git\n")
        self.bootstrap()
        for path in ("/run/motd.d/nexus-pull", "/run/issue.d/nexus-pull.issue"):
            self.assertEqual(self.mode(path), "0o644")
        os.unlink(self.root + "/fails")
        self.assertEqual(self.bootstrap(), 0)
        self.assertFalse(self.exists("/run/motd.d/nexus-pull") or self.exists("/run/issue.d/nexus-pull.issue"))

    def test_nothing_in_it_can_command_a_terminal(self):
        from nexus_pull import notice

        notice.post(self.paths, ["a\x1b[2Jb\rc\\4d", "x\n" * 999])
        motd, issue = self.read("/run/motd.d/nexus-pull"), self.read("/run/issue.d/nexus-pull.issue")
        self.assertTrue(motd.startswith("nexus-pull: a\\x1b[2Jb c\\4d\n  x x"), motd)
        self.assertTrue(issue.startswith("nexus-pull: a\\\\x1b[2Jb c\\\\4d\n"), issue)
        self.assertTrue(all(len(line) < 500 for line in motd.splitlines()))


class Processes(BootstrapTest):
    """The built program as systemd runs it, with the real clock."""

    def start(self):
        env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([sys.executable, PROGRAM, "bootstrap"], env=env, **quiet)

    def wait_for_call(self, text):
        limit = time.monotonic() + 60
        while not any(text in call for call in self.calls()):
            self.assertLess(time.monotonic(), limit, "no call of " + text)
            time.sleep(0.02)

    def test_a_command_that_hangs_is_ended_at_the_deadline(self):
        self.have(git=False)
        self.manager()
        self.place("/hangs", "")
        self.configure(bootstrap={"deadline_s": 1})
        self.assertEqual(self.agent("bootstrap").returncode, 1)
        self.assertEqual(self.failure()["reason"], "bootstrap_deadline")

    def test_a_lock_that_is_held_to_the_end_is_said_to_be_one(self):
        self.have(git=False)
        self.manager("dnf")
        self.place("/hangs", "Waiting for process with pid 812 to finish.\n")
        self.configure(bootstrap={"deadline_s": 1})
        self.assertEqual(self.agent("bootstrap").returncode, 1)
        self.assertEqual(self.failure()["reason"], "package_lock_timeout")

    def test_being_stopped_is_reported(self):
        self.have(git=False)
        self.manager("dnf")
        self.place("/hangs", "")
        running = self.start()
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        self.wait_for_call("install git")
        running.send_signal(signal.SIGTERM)
        self.assertEqual(running.wait(60), 143)
        self.assertEqual(self.failure()["reason"], "terminated")

    def test_never_at_the_same_time_as_a_run(self):
        from nexus_pull import files

        self.have(git=False)
        files.make_directory(self.paths.run)
        with files.locked(self.paths.run_lock):
            done = self.agent("bootstrap")
        self.assertEqual((done.returncode, self.events()), (75, []))
        self.assertIn("a run is going on", done.stderr)


class RealPip(BootstrapTest):
    """Real venv and real pip, with an index on loopback that has one small ansible-core, of a series that every Python takes."""

    def setUp(self):
        super().setUp()
        self.index = PackageIndex()
        self.addCleanup(self.index.close)
        pip = "[global]\nindex-url = %s\n" % self.index.url
        self.place("/var/lib/nexus-pull/home/.config/pip/pip.conf", pip)
        self.have(ansible="2.11.0")
        self.configure(bootstrap={"deadline_s": 300, "ansible_core": {"minimum": "2.14", "pip": "2.14.18"}})

    def test_the_pinned_ansible_goes_into_a_venv_of_its_own_and_is_the_one_that_runs(self):
        self.index.add("2.14.18")
        # What a power cut left of a former attempt.
        self.place("/usr/local/lib/nexus-pull/ansible-core-2.14.18/bin/python", "half\n", 0o755)
        self.assertEqual(self.bootstrap(), 0, self.read("/dev/console"))
        data = self.events()[-1][1]
        self.assertEqual((data["ansible_version"], data["installed"]), ("2.14.18", ["ansible-core==2.14.18 (pip)"]))
        found = shutil.which("ansible-pull", path=self.paths.search_path)
        self.assertEqual(found, self.root + "/usr/local/lib/nexus-pull/bin/ansible-pull")
        self.assertEqual(os.listdir(os.path.dirname(found)), ["ansible-pull"], "no python, no pip")
        # Another user, as whom a task may run, gets at it.
        for path in ("", "/bin", "/ansible-core-2.14.18", "/ansible-core-2.14.18/bin/ansible-pull"):
            self.assertEqual(self.mode("/usr/local/lib/nexus-pull" + path), "0o755", path)
        # Another pin takes its place.
        self.index.add("2.15.13")
        self.configure(bootstrap={"deadline_s": 300, "ansible_core": {"minimum": "2.15", "pip": "2.15.13"}})
        self.assertEqual(self.bootstrap(), 0, self.read("/dev/console"))
        self.assertEqual(self.events()[-1][1]["ansible_version"], "2.15.13")

    def test_fails_when_the_index_has_not_the_pinned_one(self):
        self.index.add("2.15.13")
        # A first pause beyond the deadline: one attempt.
        self.assertEqual(self.bootstrap(jitter=999), 1)
        failed = self.failure()
        self.assertEqual(failed["reason"], "pip_install_failed")
        self.assertRegex(failed["message"], "/python -m pip ended with 1: .*No matching distribution found for ansible-core==2.14.18")

    def test_fails_when_the_pinned_one_is_for_another_python(self):
        self.index.add("2.14.18", requires_python=">=3.99")
        self.assertEqual(self.bootstrap(), 1)
        failed = self.failure()
        self.assertEqual((failed["reason"], failed["attempts"]), ("python_too_old", 1))
        self.assertIn("needs Python >=3.99", failed["message"])
