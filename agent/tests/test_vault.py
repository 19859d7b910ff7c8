"""Secrets from a real OpenBao server."""

import hashlib
import json
import os
import unittest

from tests import openbao
from tests.support import MachineTest, Receiver, configuration

SECRETS = {
    "git_token": {"path": "secret/data/nexus", "field": "token"},
    "vault_password": {"path": "secret/data/nexus", "field": "password"},
    "extra_vars": {"path": "secret/data/nexus", "field": "vars"},
}
TOKEN, PASSWORD, VARIABLE = "canary-git-token", "canary-vault-password", "canary-variable"
# Turns its input around: enough to see that what lies on the disk is not the secret id.
FAKE_CREDS = '#!/bin/sh\n[ ! -e "%s/creds-fail" ] && exec rev\n'


class Log:
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


class VaultTest(MachineTest):
    @classmethod
    def setUpClass(cls):
        cls.server = None

    @classmethod
    def tearDownClass(cls):
        if cls.server is not None:
            cls.server.close()

    def setUp(self):
        super().setUp()
        bao = openbao.require(self)
        if self.server is None:
            type(self).server = openbao.OpenBao(bao)
        self.role_id = self.server.role(token_max_ttl="1h", secret_id_num_uses=0)
        self.server.put(token=TOKEN, password=PASSWORD, vars={"secret": VARIABLE})
        self.log, self.pauses = Log(), []
        self.settings = {
            "address": self.server.address,
            "auth": {"method": "approle", "mount": "approle", "role_id": self.role_id},
            "secrets": {name: dict(where) for name, where in SECRETS.items()},
        }

    def seed(self, wrapper):
        self.place("/etc/nexus-pull/secrets/wrapped_secret_id", wrapper, 0o600)

    def fetch(self, during=lambda: None):
        from nexus_pull.vault import fetched

        os.makedirs(self.paths.var, exist_ok=True)
        with fetched(self.paths, self.settings, self.log, self.pauses.append):
            found = {}
            for name in self.settings["secrets"]:
                with open(self.paths.secret(name), encoding="utf-8") as stream:
                    found[name] = stream.read()
            during()
            return found

    def refused(self):
        from nexus_pull.errors import AgentError

        with self.assertRaises(AgentError) as caught:
            self.fetch()
        return caught.exception

    def reboot(self):
        for name in os.listdir(self.paths.run):
            path = self.paths.run + "/" + name
            os.unlink(path)


class Fetching(VaultTest):
    def test_the_wrapped_secret_id_leads_to_the_secrets(self):
        self.seed(self.server.wrapped())
        found = self.fetch()
        self.assertEqual((found["git_token"], found["vault_password"]), (TOKEN, PASSWORD))
        self.assertEqual(json.loads(found["extra_vars"]), {"secret": VARIABLE})

    def test_they_are_in_memory_for_root_during_a_run_and_nowhere_after_it(self):
        self.seed(self.server.wrapped())
        modes = []
        self.fetch(lambda: modes.append((self.mode("/run/nexus-pull/secrets"), self.mode("/run/nexus-pull/secrets/git_token"))))
        self.assertEqual(modes, [("0o700", "0o600")])
        for path, content in self.tree().items():
            for secret in (TOKEN, PASSWORD, VARIABLE):
                self.assertNotIn(secret.encode(), content, path)

    def test_what_vault_gives_wins_over_a_file_of_the_seed(self):
        self.seed(self.server.wrapped())
        self.place("/etc/nexus-pull/secrets/git_token", "of-the-seed")
        self.assertEqual(self.fetch()["git_token"], TOKEN)
        with open(self.paths.secret("git_token"), encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "of-the-seed", "outside of a run")

    def test_the_wrapper_is_used_once_and_a_reboot_needs_no_other(self):
        self.seed(self.server.wrapped())
        for _ in range(2):
            self.fetch()
            self.reboot()
        self.assertEqual(self.fetch()["git_token"], TOKEN)
        self.assertEqual(len([line for line in self.log.lines if "unwrapped" in line]), 1)

    def test_a_new_wrapper_in_a_new_seed_is_unwrapped_too(self):
        self.seed(self.server.wrapped())
        self.fetch()
        self.seed(self.server.wrapped())
        self.reboot()
        self.fetch()
        self.assertEqual(len([line for line in self.log.lines if "unwrapped" in line]), 2)

    def test_a_secret_id_for_one_use_lasts_as_long_as_its_token_is_renewed(self):
        self.server.role(secret_id_num_uses=1)
        self.seed(self.server.wrapped())
        self.fetch()
        self.assertEqual(self.fetch()["git_token"], TOKEN)
        self.reboot()
        self.assertEqual(self.refused().reason, "vault_login_failed")

    def test_a_token_that_was_revoked_is_fetched_anew(self):
        self.seed(self.server.wrapped())
        self.fetch()
        kept = json.loads(self.read("/run/nexus-pull/vault-token.json"))
        self.server.call("POST", "auth/token/revoke", {"token": kept["token"]})
        self.assertEqual(self.fetch()["git_token"], TOKEN)

    def test_the_secret_id_is_sealed_where_systemd_can(self):
        self.place("/usr/bin/systemd-creds", FAKE_CREDS % self.root, 0o755)
        self.seed(self.server.wrapped())
        self.fetch()
        kept = json.loads(self.read("/var/lib/nexus-pull/vault.json"))
        self.assertTrue(kept["sealed"])
        self.reboot()
        self.assertEqual(self.fetch()["git_token"], TOKEN)
        self.place("/creds-fail", "")
        self.reboot()
        self.assertEqual(self.refused().reason, "secret_missing")

    def test_the_secret_id_is_roots_alone_where_systemd_cannot(self):
        from nexus_pull.vault import kept_how

        self.seed(self.server.wrapped())
        self.fetch()
        self.assertEqual(self.mode("/var/lib/nexus-pull/vault.json"), "0o600")
        self.assertEqual(kept_how(self.paths), "in vault.json, readable by root alone")

    def test_all_of_it_is_masked_in_the_log(self):
        from nexus_pull import redact

        self.seed(self.server.wrapped())
        seen = []
        self.fetch(lambda: seen.append(redact.redactor(redact.secret_texts(self.paths))))
        kept = json.loads(self.read("/var/lib/nexus-pull/vault.json"))["secret_id"]
        token = json.loads(self.read("/run/nexus-pull/vault-token.json"))["token"]
        wrapper = self.read("/etc/nexus-pull/secrets/wrapped_secret_id")
        for secret in (TOKEN, PASSWORD, VARIABLE, kept, token, wrapper):
            self.assertEqual(seen[0]("a %s b" % secret), "a *** b")
        self.assertIn(self.server.address, seen[0]("at %s" % self.server.address))


class Refusals(VaultTest):
    def test_a_wrapper_that_somebody_else_used_is_secret_already_claimed(self):
        wrapper = self.server.wrapped()
        self.server.unwrap(wrapper)
        self.seed(wrapper)
        refused = self.refused()
        self.assertEqual(refused.reason, "secret_already_claimed")
        self.assertNotIn(wrapper, refused.message)
        self.assertEqual(self.pauses, [], "another try cannot help")

    def test_the_former_secret_id_does_not_hide_that_the_new_wrapper_was_claimed(self):
        self.seed(self.server.wrapped())
        self.fetch()
        wrapper = self.server.wrapped()
        self.server.unwrap(wrapper)
        self.seed(wrapper)
        self.reboot()
        self.assertEqual(self.refused().reason, "secret_already_claimed")

    def test_a_wrapper_that_is_over_is_said_to_be(self):
        from nexus_pull import files

        wrapper = self.server.wrapped()
        self.server.unwrap(wrapper)
        self.seed(wrapper)
        looked_up = {"creation_time": "2026-01-01T00:00:00.5Z", "creation_ttl": 300, "creation_path": "x"}
        os.makedirs(self.paths.var)
        mark = hashlib.sha256(wrapper.encode()).hexdigest()
        files.write_json(self.paths.vault, {"wrapper": mark, "lookup": looked_up})
        self.assertEqual(self.refused().reason, "wrapped_secret_expired")

    def test_a_wrapping_of_something_else_is_not_unwrapped(self):
        wrapping = self.server.call("POST", "sys/wrapping/wrap", {"secret_id": "x"}, X_Vault_Wrap_TTL="10m")["wrap_info"]
        self.seed(wrapping["token"])
        refused = self.refused()
        self.assertEqual(refused.reason, "vault_login_failed")
        self.assertIn("was made by sys/wrapping/wrap", refused.message)
        self.assertEqual(self.server.unwrap(wrapping["token"]), {"secret_id": "x"}, "it is still there")

    def test_a_role_that_is_not_the_one(self):
        self.seed(self.server.wrapped())
        self.settings["auth"]["role_id"] = "another"
        self.assertEqual(self.refused().reason, "vault_login_failed")

    def test_a_path_that_the_policy_forbids(self):
        self.seed(self.server.wrapped())
        self.settings["secrets"]["git_token"]["path"] = "secret/data/other"
        refused = self.refused()
        self.assertEqual(refused.reason, "vault_permission_denied")
        self.assertIn("git_token: secret/data/other: 403", refused.message)

    def test_a_field_that_is_not_there(self):
        self.seed(self.server.wrapped())
        self.settings["secrets"]["git_token"]["field"] = "tokn"
        refused = self.refused()
        self.assertEqual(refused.reason, "vault_secret_missing")
        self.assertIn("has no field tokn; there are: password, token, vars", refused.message)

    def test_a_path_where_nothing_is(self):
        self.server.call("POST", "sys/policies/acl/nexus", {"policy": 'path "secret/*" { capabilities = ["read"] }'})
        self.addCleanup(self.server.call, "POST", "sys/policies/acl/nexus", {"policy": openbao.POLICY})
        self.seed(self.server.wrapped())
        self.settings["secrets"]["git_token"]["path"] = "secret/data/none"
        self.assertEqual(self.refused().reason, "vault_secret_missing")

    def test_a_token_that_would_say_more_to_git_than_a_password(self):
        self.server.put(token="a\nhost=evil.example", password=PASSWORD, vars={})
        self.seed(self.server.wrapped())
        refused = self.refused()
        self.assertEqual(refused.reason, "vault_secret_missing")
        self.assertNotIn("evil", refused.message)

    def test_no_wrapper_at_all(self):
        self.assertEqual(self.refused().reason, "secret_missing")

    def test_a_server_that_is_down_is_tried_again(self):
        self.seed(self.server.wrapped())
        self.settings["address"] = "http://127.0.0.1:9"
        self.assertEqual(self.refused().reason, "vault_unreachable")
        self.assertEqual(self.pauses, [2, 5, 15])

    def test_no_redirect_takes_the_token_elsewhere(self):
        self.seed(self.server.wrapped())
        other = Receiver()
        self.addCleanup(other.close)
        for status in (301, 302, 303, 307, 308):
            front = Receiver((status, {"location": other.url}, b""))
            self.addCleanup(front.close)
            self.settings["address"] = front.url
            refused = self.refused()
            self.assertEqual(refused.reason, "vault_unreachable")
            self.assertIn("a redirect, which is not followed", refused.message)
        self.assertEqual(other.requests, [])

    def test_a_name_that_does_not_resolve(self):
        self.seed(self.server.wrapped())
        self.settings["address"] = "http://bao.invalid:8200"
        self.assertEqual(self.refused().reason, "dns_failure")

    def test_nothing_that_was_fetched_stays_after_a_failure(self):
        self.seed(self.server.wrapped())
        self.settings["secrets"]["vault_password"]["field"] = "nope"
        self.refused()
        self.assertFalse(os.path.exists(self.paths.fetched))


class Sealed(VaultTest):
    """A server of its own: a sealed one serves nobody else."""

    def test_a_sealed_server_is_said_to_be_and_the_wrapper_is_not_lost(self):
        wrapper = self.server.wrapped()
        self.seed(wrapper)
        self.server.call("PUT", "sys/seal")
        refused = self.refused()
        self.assertEqual(refused.reason, "vault_sealed")
        self.assertNotIn(wrapper, refused.message)


class Contract(unittest.TestCase):
    def test_the_configuration_of_these_tests_is_one(self):
        from nexus_pull import schema

        auth = {"method": "approle", "mount": "approle", "role_id": "x"}
        settings = {"address": "https://bao.example:8200", "auth": auth, "secrets": SECRETS}
        schema.check(configuration(vault=settings), "agent-config.schema.json")
