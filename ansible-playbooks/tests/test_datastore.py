"""The role's settings of PostgreSQL: rendered by real Ansible, read as Java reads them, and used to log in."""

import os
import re
import unittest
import urllib.parse

from tests.postgres import Postgres
from tests.support import REPOSITORY, PlaybookTest, cores, newest, unavailable

PLAY = """
- hosts: localhost
  gather_facts: false
  vars: { __nexus_first_check: false, nexus_group: root }
  tasks:
    - ansible.builtin.import_role: { name: nexus, tasks_from: postgresql }
      when: nexus_postgresql_host | default('', true) | length > 0
    - ansible.builtin.import_role: { name: nexus, tasks_from: datastore }
"""
# The handler must not reach the systemd of the machine that the tests run on.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/../systemctl.log"
[ "$1" != show ] || printf 'LoadState=loaded\\nActiveState=active\\n'
"""
# All that has a meaning for Java's properties, for YAML, for Jinja or for a shell; and what ISO 8859-1 does not have.
PASSWORD = " a\\b=c:d#e!f'g\"h{{ i }}%j$k;l\tm &\u00e9\u20ac\U0001f600 "
USER, DATABASE = "nexus:user#1", "nexus data/\u00e9?x=1"


def properties(text):
    """java.util.Properties.load, but for continued lines, of which there are none here."""
    found = {}
    for line in text.splitlines():
        line = line.lstrip(" \t\f")
        if line and line[0] not in "#!":
            name, value = re.fullmatch(r"((?:\\.|[^\\=: \t])*)[ \t]*[=:]?[ \t]*(.*)", line).groups()
            found[_unescaped(name)] = _unescaped(value)
    return found


def _unescaped(text):
    def one(match):
        if match.group(1):
            return chr(int(match.group(1), 16))
        return {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(match.group(2), match.group(2))

    units = re.sub(r"\\(?:u([0-9a-f]{4})|(.))", one, text)
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be")


class Datastore(PlaybookTest):
    def setUp(self):
        if os.geteuid() != 0:
            unavailable("the file of the role belongs to root: run these tests as root")
        self.made = self.folder({"site.yml": PLAY, "bin/systemctl": SYSTEMCTL})
        os.chmod(self.made.path + "/bin/systemctl", 0o755)
        self.data = self.made.path + "/data"
        os.makedirs(self.data + "/etc/fabric")

    def apply(self, venv, *arguments, **changes):
        settings = {"nexus_data_dir": self.data}
        settings.update(nexus_postgresql_host="db.example", nexus_postgresql_password="p")
        # As data, as the agent hands variables over.
        values = {name: _unsafe(value) for name, value in {**settings, **changes}.items()}
        self.made.write({"vars.yml": "\n".join("%s: %s" % pair for pair in values.items()) + "\n"})
        path = "%s/bin:%s" % (self.made.path, os.environ["PATH"])
        more = {"PATH": path, "ANSIBLE_ROLES_PATH": os.path.join(REPOSITORY, "roles")}
        code, said = self.made.play(venv, "-e", "@vars.yml", "site.yml", *arguments, **more)
        return code, " ".join(said.split())

    def written(self):
        with open(self.data + "/etc/fabric/nexus-store.properties", encoding="iso-8859-1") as stream:
            return properties(stream.read())

    def refused(self, word, **changes):
        ((_, venv),) = newest().items()
        code, said = self.apply(venv, **changes)
        self.assertEqual(code, 2, said)
        self.assertIn(word, said)
        self.assertFalse(os.path.exists(self.data + "/etc/fabric/nexus-store.properties"))

    def test_a_real_server_takes_what_is_written_whatever_characters_it_has(self):
        server = Postgres(USER, PASSWORD)
        self.addCleanup(server.close)
        asked = (server.host, server.port, "postgres", USER, PASSWORD)
        code, said = server.says(*asked, 'CREATE DATABASE "%s"' % DATABASE)
        self.assertEqual(code, 0, said)
        given = {"host": server.host, "port": server.port, "user": USER, "database": DATABASE, "password": PASSWORD}
        for version, venv in cores().items():
            with self.subTest(core=version):
                code, said = self.apply(venv, **{"nexus_postgresql_" + name: value for name, value in given.items()})
                self.assertEqual(code, 0, said)
                found = self.written()
                self.assertEqual((found["name"], found["type"], found["schema"]), ("nexus", "jdbc", "public"))
                scheme, _, rest = found["jdbcUrl"].partition(":")
                url = urllib.parse.urlsplit(rest)
                self.assertEqual((scheme, url.scheme, url.query), ("jdbc", "postgresql", ""))
                place = (url.hostname, url.port, urllib.parse.unquote(url.path[1:]))
                said = server.says(*place, found["username"], found["password"], "SELECT current_database()")
                self.assertEqual(said, (0, DATABASE))
                self.assertEqual(server.says(*place, found["username"], "x", "SELECT 1")[0], 2, "any password is taken")
                self.assertEqual(os.stat(self.data + "/etc/fabric/nexus-store.properties").st_mode & 0o777, 0o640)
                os.unlink(self.data + "/etc/fabric/nexus-store.properties")

    def test_it_is_written_once_and_its_password_is_not_shown(self):
        ((_, venv),) = newest().items()
        settings = {"nexus_postgresql_password": "canary-db", "nexus_postgresql_host": "2001:db8::5"}
        code, said = self.apply(venv, "--diff", **settings)
        self.assertEqual(code, 0, said)
        with open(self.made.path + "/systemctl.log", encoding="utf-8") as stream:
            self.assertIn("restart nexus.service\n", stream.read())
        self.assertNotIn("canary-db", said)
        self.assertEqual(self.written()["jdbcUrl"], "jdbc:postgresql://[2001:db8::5]:5432/nexus")
        code, said = self.apply(venv, **settings)
        self.assertIn("changed=0", said)

    def test_emptied_again_it_is_removed_and_nexus_restarts_once(self):
        path, log = self.data + "/etc/fabric/nexus-store.properties", self.made.path + "/systemctl.log"
        emptied = {"nexus_postgresql_host": "", "nexus_postgresql_password": ""}
        for version, venv in cores().items():
            with self.subTest(core=version):
                self.assertEqual(self.apply(venv, nexus_postgresql_password="canary-db")[0], 0)
                os.unlink(log)
                code, said = self.apply(venv, "--check", "--diff", **emptied)
                self.assertEqual((code, os.path.exists(path)), (0, True), said)
                self.assertRegex(said, r"Go back to the embedded database\] \*+ .*changed: \[localhost\] .*changed=[12] ")
                with open(log, encoding="utf-8") as stream:
                    self.assertNotIn("restart", stream.read())
                code, said = self.apply(venv, "--diff", **emptied)
                self.assertEqual((code, os.path.exists(path)), (0, False), said)
                self.assertNotIn("canary-db", said)
                with open(log, encoding="utf-8") as stream:
                    self.assertEqual(stream.read().count("restart nexus.service"), 1)
                self.assertIn("changed=2", said)
                code, said = self.apply(venv, **emptied)
                self.assertIn("changed=0", said)

    def test_a_file_that_somebody_wrote_by_hand_is_not_removed(self):
        self.made.write({"data/etc/fabric/nexus-store.properties": "# moved by hand\nname=nexus\n"})
        ((_, venv),) = newest().items()
        # Nothing after the colon is null.
        for nothing in ("", None):
            code, said = self.apply(venv, nexus_postgresql_host=nothing)
            self.assertEqual((code, self.written()), (0, {"name": "nexus"}), said)
            self.assertIn("changed=0", said)

    def test_what_is_missing_is_said_before_anything_is_written(self):
        self.refused("nexus_postgresql_password", nexus_postgresql_password="")
        self.refused("without protocol", nexus_postgresql_host="postgresql://db.example")

    def test_data_in_the_embedded_database_is_not_left_behind_unseen(self):
        os.mkdir(self.data + "/db")
        with open(self.data + "/db/nexus.mv.db", "w", encoding="ascii") as stream:
            stream.write("x")
        self.refused("migrator")
        # What the migrator ends with.
        with open(self.data + "/etc/fabric/nexus-store.properties", "w", encoding="ascii") as stream:
            stream.write("name=nexus\n")
        ((_, venv),) = newest().items()
        code, said = self.apply(venv)
        self.assertEqual(code, 0, said)


def _unsafe(value):
    if isinstance(value, int):
        return value
    if value is None:
        return "null"
    if value == "":
        return '""'  # marked as unsafe it is null to ansible-core 2.19 and newer
    plain = (c if " " <= c <= "~" and c not in '\\"' else "\\U%08x" % ord(c) for c in value)
    return '!unsafe "%s"' % "".join(plain)


if __name__ == "__main__":
    unittest.main()
