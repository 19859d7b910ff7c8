"""What real programs said (bootstrap_outputs.txt), and the reason that it must come to."""

import json
import os
import re
import unittest

from tests.support import CONTRACT

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULTS = {"apt": "package_install_failed", "dnf": "package_install_failed", "pip": "pip_install_failed"}
PROXY = ("127.0.0.1:9",)


class Output:
    """One section: what a program printed, how it ended, and what is to be made of it."""

    def __init__(self, text):
        title, _, self.text = text.partition("\n")
        self.name, code, self.reason, self.how = title.split(" | ", 3)
        self.exit_code = int(code.split()[1])
        self.program = self.name.partition("-")[0]
        self.proxies = PROXY if self.name.endswith("proxy-refused") else ()


def outputs():
    with open(os.path.join(HERE, "bootstrap_outputs.txt"), encoding="utf-8") as stream:
        return [Output(part) for part in re.split(r"^=== ", stream.read(), flags=re.M)[1:]]


class Reasons(unittest.TestCase):
    def test_each_output_comes_to_its_reason(self):
        from nexus_pull.bootstrap import diagnose

        for output in outputs():
            # This one is found out where the pinned version is known.
            if output.name == "pip-requires-python":
                continue
            with self.subTest(output.name):
                default = DEFAULTS.get(output.program, "pip_install_failed")
                self.assertEqual(diagnose.reason_of(output.text.splitlines(), default, output.proxies), output.reason)

    def test_every_reason_is_the_contracts(self):
        from nexus_pull.bootstrap import diagnose

        with open(os.path.join(CONTRACT, "reasons.json"), encoding="utf-8") as stream:
            known = {reason["code"] for reason in json.load(stream)["reasons"]}
        used = {reason for reason, _ in diagnose.RULES} | diagnose.PERMANENT | {one.reason for one in outputs()}
        self.assertEqual(used - known, set())

    def test_the_message_is_the_line_that_names_the_cause(self):
        from nexus_pull.bootstrap import diagnose

        said = {one.name: diagnose.telling_line(one.text.splitlines()) for one in outputs()}
        self.assertIn("Could not resolve 'deb.debian.invalid'", said["apt-dns"])
        self.assertIn("Could not resolve host: mirror.invalid", said["dnf-dns"])
        self.assertEqual(said["apt-no-package"], "E: Unable to locate package ansible-core-nowhere")

    def test_there_are_all_kinds_of_failure(self):
        self.assertEqual(
            {one.reason for one in outputs() if one.program == "apt"},
            {
                "clock_not_synced",
                "disk_full",
                "dns_failure",
                "file_system_read_only",
                "network_unreachable",
                "package_install_failed",
                "package_lock_timeout",
                "package_not_found",
                "permission_denied",
                "proxy_failure",
                "tls_failure",
            },
        )
