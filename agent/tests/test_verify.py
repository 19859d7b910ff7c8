"""Signature policies, with real ssh-keygen, gpg and git."""

import os
import subprocess

from nexus_pull.source import Rejected
from tests.test_git import GitTest


class SshPolicy(GitTest):
    def setUp(self):
        super().setUp()
        self.keys = {name: self.new_key(name) for name in ("signer", "stranger")}
        self.sign_with("signer")

    def new_key(self, name):
        path = self.root + "/" + name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path

    def sign_with(self, name):
        for setting, value in (("gpg.format", "ssh"), ("user.signingkey", self.keys[name]), ("commit.gpgsign", "true")):
            self.repository.git("config", setting, value)

    def mirror(self, kind="commit", **source):
        with open(self.keys["signer"] + ".pub", encoding="utf-8") as stream:
            allowed = "me@example.org " + " ".join(stream.read().split()[:2])
        return self.source(verify={"policy": "ssh", "object": kind, "allowed_signers": allowed}, **source)

    def accepted(self, mirror):
        return self.quietly(mirror.accept, self.candidate(mirror), None)

    def rejected(self, reason, mirror):
        with self.assertRaises(Rejected) as caught:
            self.accepted(mirror)
        self.assertEqual(caught.exception.reason, reason, caught.exception.message)
        return caught.exception

    def test_a_signed_commit_is_accepted_and_its_signer_known(self):
        self.repository.commit({"x": "2"})
        signer = self.accepted(self.mirror())
        self.assertEqual(signer["principal"], "me@example.org")
        self.assertTrue(signer["fingerprint"].startswith("SHA256:"))

    def test_only_the_header_of_a_commit_can_sign_it(self):
        self.repository.git("config", "commit.gpgsign", "false")
        self.repository.commit({"x": "2"}, "gpgsig -----BEGIN SSH SIGNATURE-----\n\n-----BEGIN SSH SIGNATURE-----")
        self.rejected("source_unsigned", self.mirror())

    def test_a_stranger_is_named(self):
        self.sign_with("stranger")
        self.repository.commit({"x": "2"})
        self.assertIn("fingerprint", self.rejected("signer_unknown", self.mirror()).signer)

    def test_a_changed_commit_has_a_bad_signature(self):
        self.repository.commit({"x": "2"}, "pay one")
        raw = self.repository.git("cat-file", "commit", "HEAD") + "\n"
        argv = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
        changed = raw.replace("pay one", "pay two").encode()
        done = subprocess.run(argv, cwd=self.repository.folder, input=changed, stdout=subprocess.PIPE, check=True)
        self.repository.git("reset", "--quiet", "--hard", done.stdout.decode().strip())
        self.rejected("source_signature_bad", self.mirror())

    def test_a_signed_tag_counts_under_its_own_name_only(self):
        self.repository.git("tag", "--sign", "-m", "one", "v1")
        self.assertEqual(self.accepted(self.mirror("tag", ref="v1"))["principal"], "me@example.org")
        self.repository.git("update-ref", "refs/tags/v2", self.repository.git("rev-parse", "v1"))
        self.rejected("source_signature_bad", self.mirror("tag", ref="v2"))

    def test_a_branch_is_as_good_as_a_signed_tag_on_it(self):
        self.repository.git("tag", "light")
        self.rejected("source_unsigned", self.mirror("tag"))
        self.repository.git("tag", "--sign", "-m", "one", "v1")
        self.assertEqual(self.accepted(self.mirror("tag"))["principal"], "me@example.org")
        self.repository.commit({"x": "2"})
        self.rejected("source_unsigned", self.mirror("tag"))

    def test_a_rejected_commit_is_not_what_would_be_cloned(self):
        self.repository.git("config", "commit.gpgsign", "false")
        self.repository.commit({"x": "2"})
        self.rejected("source_unsigned", self.mirror())
        heads = os.listdir(self.root + "/var/lib/nexus-pull/mirror.git/refs/heads")
        self.assertEqual(heads, [])


class GpgPolicy(GitTest):
    def setUp(self):
        super().setUp()
        self.homes = {name: self.new_home(name) for name in ("signer", "stranger")}

    def new_home(self, name):
        # Short: the path of gpg-agent's socket has a limit.
        home = self.root + "/" + name[:3]
        os.mkdir(home, 0o700)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)
        self.gpg(home, "--passphrase", "", "--quick-generate-key", name + "@example.org", "ed25519", "sign", "never")
        return home

    def gpg(self, home, *arguments):
        argv = ["gpg", "--homedir", home, "--batch", "--no-tty", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def signed_by(self, name):
        lines = self.gpg(self.homes[name], "--list-keys", "--with-colons").splitlines()
        fingerprint = next(line.split(":")[9] for line in lines if line.startswith("fpr"))
        program = self.place("/gpg-" + name, '#!/bin/sh\nexec gpg --homedir %s "$@"\n' % self.homes[name], 0o755)
        settings = ["-c", "gpg.program=" + program, "-c", "user.signingkey=" + fingerprint]
        self.repository.git(*settings, "commit", "--quiet", "--allow-empty", "-S", "-m", "signed")

    def mirror(self):
        keyring = self.gpg(self.homes["signer"], "--export", "--armor")
        return self.source(verify={"policy": "gpg", "object": "commit", "keyring": keyring})

    def test_a_key_of_the_keyring_is_accepted_and_no_other(self):
        self.signed_by("signer")
        mirror = self.mirror()
        signer = self.quietly(mirror.accept, self.candidate(mirror), None)
        self.assertIn("signer@example.org", signer["principal"])
        self.signed_by("stranger")
        candidate = self.candidate(mirror)
        with self.assertRaises(Rejected) as caught:
            self.quietly(mirror.accept, candidate, None)
        self.assertEqual(caught.exception.reason, "signer_unknown")

    def test_a_tag_that_shows_the_frame_of_another_kind_is_not_signed_by_that_kind(self):
        self.signed_by("signer")
        mirror = self.mirror()
        self.quietly(mirror.accept, self.candidate(mirror), None)  # leaves the keyring of this policy behind
        settings = ["-c", "gpg.program=" + self.root + "/gpg-signer", "-c", "user.signingkey=signer@example.org"]
        self.repository.git(*settings, "tag", "--sign", "-m", "x\n\n-----BEGIN SSH SIGNATURE-----\nx", "v1")
        verify = {"policy": "ssh", "object": "tag", "allowed_signers": "a@example.org ssh-ed25519 A"}
        mirror = self.source(ref="v1", verify=verify)
        with self.assertRaises(Rejected) as caught:
            self.quietly(mirror.accept, self.candidate(mirror), None)
        self.assertEqual(caught.exception.reason, "source_signature_bad", caught.exception.message)
