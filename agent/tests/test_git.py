import os
import shutil
import sys

from nexus_pull import redact, runlog, source as sources
from nexus_pull.errors import AgentError
from tests.gitserver import GitServer, make_certificate
from tests.support import MachineTest, Repository, configuration, seed_of

TOKEN = "CANARY-t0ken/with+odd=characters"


class GitTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.pauses = []
        self.repository = Repository(self.root + "/srv/r")
        self.first = self.repository.commit({"site.yml": "[]\n"})

    def source(self, secrets=None, **source):
        config = configuration(source={"url": self.repository.url, **source})
        self.must_adopt(seed_of(config, secrets))
        # The installed program answers git's question for credentials: here, with this very Python.
        self.program = self.read_bytes("/usr/local/bin/nexus-pull-agent").replace(
            b"#!/usr/bin/python3", b"#!" + sys.executable.encode(), 1
        )
        with open(self.paths.program, "wb") as stream:
            stream.write(self.program)
        log = runlog.RunLog(self.paths.log, redact.redactor(redact.secret_texts(self.paths)))
        self.addCleanup(log.close)
        return sources.Mirror(self.paths, config["source"], log)

    def read_bytes(self, path):
        with open(self.root + path, "rb") as stream:
            return stream.read()

    def fetch(self, source):
        os.environ["NEXUS_PULL_ROOT"] = self.root
        self.addCleanup(os.environ.pop, "NEXUS_PULL_ROOT", None)
        return self.candidate(source).commit

    def candidate(self, source):
        return self.quietly(source.fetch, self.pauses.append)

    def refused(self, reason, source):
        with self.assertRaises(AgentError) as caught:
            self.fetch(source)
        self.assertEqual(caught.exception.reason, reason, caught.exception.message)
        return caught.exception.message


class Fetch(GitTest):
    def test_follows_a_branch(self):
        source = self.source()
        self.assertEqual(self.fetch(source), self.first)
        second = self.repository.commit({"site.yml": "[] # 2\n"})
        self.assertEqual(self.fetch(source), second)

    def test_follows_a_tag_to_its_commit(self):
        self.repository.git("tag", "-a", "v1", "-m", "one")
        self.repository.commit({"x": "2"})
        self.assertEqual(self.fetch(self.source(ref="v1")), self.first)
        self.assertEqual(self.fetch(self.source(ref="refs/tags/v1")), self.first)

    def test_takes_the_pinned_commit_whatever_the_branch_says(self):
        self.repository.commit({"x": "2"})
        self.assertEqual(self.fetch(self.source(commit=self.first)), self.first)

    def test_says_which_ref_or_commit_is_missing(self):
        self.assertIn("nowhere", self.refused("ref_not_found", self.source(ref="nowhere")))
        self.assertIn("f" * 40, self.refused("commit_not_found", self.source(commit="f" * 40)))

    def test_tries_a_few_times_and_then_says_why(self):
        message = self.refused("git_unreachable", self.source(url="https://127.0.0.1:1/r.git"))
        self.assertIn("git fetch", message)
        self.assertEqual(self.pauses, [2, 5, 10])

    def test_does_not_try_again_what_time_does_not_mend(self):
        self.refused("repository_not_found", self.source(url="file:///nowhere/at-all"))
        self.assertEqual(self.pauses, [])

    def test_makes_a_damaged_mirror_anew(self):
        source = self.source()
        self.fetch(source)
        objects = self.root + "/var/lib/nexus-pull/mirror.git/objects"
        for folder, _, names in os.walk(objects):
            for name in names:
                os.truncate(os.path.join(folder, name), 0)
        second = self.repository.commit({"x": "2"})
        self.assertEqual(self.fetch(source), second)

    def test_survives_locks_that_a_power_cut_left(self):
        source = self.source()
        self.fetch(source)
        self.place("/var/lib/nexus-pull/mirror.git/packed-refs.lock", "")
        self.place("/var/lib/nexus-pull/mirror.git/refs/heads/run.lock", "")
        second = self.repository.commit({"x": "2"})
        self.assertEqual(self.fetch(source), second)

    def test_tells_a_rollback_from_a_rewritten_history(self):
        source = self.source()
        second = self.repository.commit({"x": "2"})
        tip = {"followed": source.followed(), "commit": second}
        source.accept(self.candidate(source), tip)
        self.repository.git("reset", "--quiet", "--hard", self.first)
        for reason in ("rollback_refused", "history_rewritten"):
            candidate = self.candidate(source)
            with self.assertRaises(sources.Rejected) as caught:
                source.accept(candidate, tip)
            self.assertEqual(caught.exception.reason, reason)
            self.assertEqual(self.accepted(), second, "what was refused must not be the branch that is cloned")
            self.rewritten()
        # Another branch, or a pin, is somebody's decision.
        candidate = self.candidate(source)
        source.accept(candidate, {**tip, "followed": ["elsewhere", "main"]})
        pinned = self.source(commit=self.first)
        pinned.accept(self.candidate(pinned), tip)
        self.assertEqual(self.accepted(), self.first)

    def accepted(self):
        return self.repository.git("--git-dir", self.root + "/var/lib/nexus-pull/mirror.git", "rev-parse", "refs/heads/run")

    def rewritten(self):
        self.repository.git("reset", "--quiet", "--hard", self.first)
        return self.repository.commit({"x": "other"}, "rewritten")


class Token(GitTest):
    def setUp(self):
        super().setUp()
        certificate, key = make_certificate(self.root)
        self.server = GitServer(self.root + "/srv", certificate, key, "x-access-token", TOKEN)
        self.addCleanup(self.server.close)
        self.token = {"url": self.server.url + "/r/.git", "credential": {"kind": "token"}}
        self.trusted = {"ca_certificate": self.read("/cert.pem")}

    def test_fetches_with_the_token_over_https(self):
        self.assertEqual(self.fetch(self.source({"git_token": TOKEN}, **self.token, **self.trusted)), self.first)
        self.assert_token_only_in_its_file()

    def test_offers_the_token_to_no_other_helper(self):
        self.place("/var/lib/nexus-pull/home/.gitconfig", '[credential]\n\thelper = "!tee -a %s/stolen; :"\n' % self.root)
        self.assertEqual(self.fetch(self.source({"git_token": TOKEN}, **self.token, **self.trusted)), self.first)
        self.assertNotIn(TOKEN, self.read("/stolen") if self.exists("/stolen") else "")

    def test_fails_with_a_wrong_token_and_shows_none(self):
        self.refused("git_auth_failed", self.source({"git_token": "CANARY-wrong"}, **self.token, **self.trusted))
        self.assertNotIn("CANARY", self.read("/var/log/ansible-pull.log"))

    def test_trusts_no_certificate_that_was_not_given(self):
        message = self.refused("tls_failure", self.source({"git_token": TOKEN}, **self.token))
        self.assertRegex(message, "(?i)certificate|SSL")

    def assert_token_only_in_its_file(self):
        holders = {path for path, content in self.tree().items() if TOKEN.encode() in content}
        self.assertEqual(holders, {"/etc/nexus-pull/secrets/git_token", "/seed.json"})

    def test_never_has_the_token_in_argv_or_environment(self):
        spy = self.root + "/spy.log"
        real = shutil.which("git")
        record = 'tr "\\0" "\\n" </proc/$$/cmdline; tr "\\0" "\\n" </proc/$$/environ'
        self.place("/usr/local/bin/git", '#!/bin/sh\n{ %s; } >>"%s"\nexec %s "$@"\n' % (record, spy, real), 0o755)
        self.fetch(self.source({"git_token": TOKEN}, **self.token, **self.trusted))
        self.assertIn("fetch", self.read("/spy.log"))
        self.assertNotIn("CANARY", self.read("/spy.log"))

    def test_answers_only_for_the_configured_server_and_only_with_tls(self):
        source = configuration(source=self.token)["source"]
        host = self.server.url[len("https://") :]
        right = "protocol=https\nhost=%s\n" % host
        self.assertEqual(
            sources.credential_answer(source, TOKEN, right), "username=x-access-token\npassword=%s\n" % TOKEN
        )
        for request in ("protocol=http\nhost=%s\n" % host, "protocol=https\nhost=evil.example\n", ""):
            self.assertEqual(sources.credential_answer(source, TOKEN, request), "")
        plain = {**source, "url": "http://%s/r.git" % host}
        self.assertEqual(sources.credential_answer(plain, TOKEN, "protocol=http\nhost=%s\n" % host), "")


class Ssh(GitTest):
    # No sshd on a test machine: this one checks what ssh is asked and then is the server.
    FAKE = '#!/bin/sh\nprintf "%%s\\n" "$@" >"%s/ssh.argv"\nfor last; do :; done\nexec sh -c "$last"\n'

    def test_pins_the_host_key_and_uses_the_deploy_key_alone(self):
        self.place("/usr/local/bin/ssh", self.FAKE % self.root, 0o755)
        url = "ssh://git@git.example" + self.root + "/srv/r"
        known = "git.example ssh-ed25519 AAAA"
        source = self.source(
            {"deploy_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY"},
            url=url,
            credential={"kind": "deploy_key"},
            known_hosts=[known],
        )
        self.assertEqual(self.fetch(source), self.first)
        said = self.read("/ssh.argv").splitlines()
        for option in ("StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes"):
            self.assertIn(option, said)
        self.assertIn("UserKnownHostsFile=%s/run/nexus-pull/known_hosts" % self.root, said)
        self.assertEqual(self.read("/run/nexus-pull/known_hosts"), known + "\n")
        self.assertIn(self.root + "/etc/nexus-pull/secrets/deploy_key", said)
        self.assertNotIn("CANARY", "".join(said))
