"""What becomes of secrets in lines of output."""

import base64
import contextlib
import io
import json
import os
import sys

from nexus_pull import process, redact, runlog, status, status_text
from nexus_pull.vault import fetched
from tests.support import CONTRACT, MachineTest

NOT_MASKED = "secret %s: a value is NOT MASKED in logs: shorter than 4 characters, or a word of ansible's own"


def fixed_words(node):
    """Every constant of a schema that is a text."""
    if isinstance(node, list):
        return {word for item in node for word in fixed_words(item)}
    if not isinstance(node, dict):
        return set()
    found = {word for word in [node.get("const"), *node.get("enum", ())] if isinstance(word, str)}
    return found | {word for item in node.values() for word in fixed_words(item)}


class Seams(MachineTest):
    SECRET = "s3cr3t-token-VALUE-0123456789abcdefghij"

    def masked(self, text):
        self.place("/etc/nexus-pull/secrets/git_token", self.SECRET, 0o600)
        return redact.redactor(redact.secret_texts(self.paths))(text)

    def test_in_base64_a_secret_is_masked_wherever_it_begins(self):
        for before in ("", "u", "us", "user:", "x-access-token:"):
            encoded = base64.b64encode((before + self.SECRET + "tail").encode()).decode()
            with self.subTest(before):
                self.assertNotIn(encoded[len(before) * 4 // 3 + 4 : -8], self.masked(encoded))

    def test_no_part_of_a_secret_on_the_seam_of_a_line_that_is_too_long_is_left(self):
        for before in range(65536 - 60, 65536 + 2, 7):
            lines = []
            said = "import sys; sys.stdout.write('x' * %d + '%s' + 'y' * 200000 + '\\nnext\\n')" % (before, self.SECRET)
            process.run([sys.executable, "-c", said], dict(os.environ), self.root, 60, lines.append)
            found = [self.masked(line) for line in lines]
            with self.subTest(before):
                self.assertEqual(found[-1], "next")
                self.assertNotIn(self.SECRET[:4], "".join(found))


class Masking(MachineTest):
    def variables(self, value):
        self.place("/run/nexus-pull/secrets/extra_vars", value if isinstance(value, str) else json.dumps(value), 0o600)
        return redact.redactor(redact.secret_texts(self.paths))

    def test_every_value_of_yaml_variables_is_masked(self):
        text = "# mine\nusers:\n  - hunter-one\n  - name: ann\n    pass: 'hunter-two' # old\nmore: {}\nlast: hunter three\n"
        redact_line = self.variables(text)
        for secret in ("hunter-one", "hunter-two", "hunter three"):
            self.assertEqual(redact_line("got %s." % secret), "got ***.")
        self.assertEqual(redact_line("ann has more"), "ann has more")

    def test_a_short_secret_is_masked_where_it_is_a_word_of_its_own(self):
        redact_line = self.variables({"a": "hunt", "b": "p4ss!", "pin": 4711})
        for around in ("%s", "x: %s.", '"%s"', "user:%s@host", "--pw=%s", "a\\n%s\\tb", "\x1b[0;31m%s\x1b[0m", "[m%s[", "(%s)/%s"):
            for secret in ("hunt", "p4ss!", "4711"):
                self.assertEqual(redact_line(around.replace("%s", secret)), around.replace("%s", "***"))
        for line in ("hunter hunts hunt_er Xhunt hunt2", "p4ss p4ss!x", "14711 47110 0x4711"):
            self.assertEqual(redact_line(line), line)

    def test_a_long_one_is_masked_wherever_it_stands(self):
        self.assertEqual(self.variables({"a": "hunter"})("Xhunters"), "X***s")

    def test_no_secret_can_take_the_words_of_ansible_out_of_a_log(self):
        with open(CONTRACT + "/evidence.schema.json", encoding="utf-8") as stream:
            words = fixed_words(json.load(stream))
        self.assertIn("unreachable", words)
        words |= {"true", "false", "none", "null", "skipping", "included", "running", "fatal", "error", "yes", "on"}
        redact_line = self.variables({"v%d" % number: word for number, word in enumerate(sorted(words))})
        recap = "localhost : ok=1 changed=1 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0"
        for line in (*sorted(words), recap, 'fatal: [localhost]: FAILED! => {"changed": true, "x": null}', "TASK [a] ***", "PLAY [b]"):
            self.assertEqual(redact_line(line), line)

    def test_what_is_not_masked_is_said_in_each_run_and_by_status_without_its_value(self):
        self.place("/etc/nexus-pull/secrets/vault_password", "xyz", 0o600)
        self.place("/etc/nexus-pull/secrets/git_token", "long-enough", 0o600)
        log = runlog.RunLog(self.paths.log, str)
        with contextlib.redirect_stdout(io.StringIO()), fetched(self.paths, None, log, None):
            log.close()
        self.assertEqual(list(log.lines), [NOT_MASKED % "vault_password"])
        self.assertIn(NOT_MASKED % "vault_password", self.read("/var/log/ansible-pull.log"))
        found, _ = status.status(self.paths)
        self.assertEqual(found["unmasked"], [NOT_MASKED % "vault_password"])
        self.assertIn("\n%s\n" % (NOT_MASKED % "vault_password"), status_text.text(found))

    def test_only_what_may_be_a_secret_is_said(self):
        for value, said in (
            ({"debug": True, "port": 80, "empty": "", "none": None, "list": [], "sep": "--", "on": "yes"}, False),
            ("---\n# mine\ndb:\n  port: 80\n  debug: yes\n  more: {}\n  list: []\n  pass: 'long enough'\n", False),
            ({"pass": "abc"}, True),
            ({"deep": [{"pass": "changed"}]}, True),
            ("db:\n  pass: abc # old\n", True),
            ("pass: 'Error'\n", True),
        ):
            self.variables(value)
            self.assertEqual(redact.unmasked(self.paths), [NOT_MASKED % "extra_vars"] if said else [], value)
        os.unlink(self.root + "/run/nexus-pull/secrets/extra_vars")
        key = "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJjZGVmZ2g=\nYQ==\n-----END OPENSSH PRIVATE KEY-----\n"
        self.place("/etc/nexus-pull/secrets/deploy_key", key, 0o600)
        self.assertEqual(redact.unmasked(self.paths), [])
