"""The nexus role's comparison of settings, and the calls that it makes of them. No Ansible, no server."""

import glob
import os
import re
import unittest

from tests.machine import real_server
from tests.role import nexus_compare, nexus_values, nexus_wishes

differences, merged = nexus_compare.differences, nexus_compare.merged
needed_secrets, secrets_of = nexus_compare.needed_secrets, nexus_compare.secrets_of

NAMED = {"name": "n", "format": "maven2", "type": "hosted"}
# One of each kind, as a user writes them.
ALL = {
    "realms": ["NexusAuthenticatingRealm"],
    "anonymous": False,
    "accept_eula": True,
    "email": {"host": "m"},
    "http_proxy": {"timeout": 30},
    "settings": [{"path": "/security/oauth2", "settings": {"x": 1}}],
    "trusted_certificates": ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
    "ldap_servers": [{"name": "l"}],
    "blob_stores": [{"name": "f", "path": "f"}],
    "cleanup_policies": [{"name": "c", "format": "maven2"}],
    "routing_rules": [{"name": "r", "mode": "BLOCK", "matchers": []}],
    "repositories": [NAMED],
    "content_selectors": [{"name": "s", "expression": "x"}],
    "privileges": [{"name": "p", "type": "repository-view"}],
    "roles": [{"id": "r", "name": "R"}],
    "users": [{"userId": "u", "password": "x"}],
    "base_url": "https://n.example",
    "tasks": [{"name": "t", "type": "x", "frequency": {"schedule": "manual"}}],
}


class Compare(unittest.TestCase):
    def differ(self, actual, wanted):
        return bool(differences(actual, wanted))

    def test_what_is_not_asked_for_is_no_difference(self):
        actual = {"online": True, "storage": {"blobStoreName": "default", "writePolicy": "allow"}, "cleanup": None}
        for wanted, found in (
            ({"online": True}, []),
            ({"storage": {"blobStoreName": "default"}}, []),
            ({"storage": {"blobStoreName": "other"}}, ["storage.blobStoreName"]),
            ({"cleanup": {"policyNames": ["old"]}}, ["cleanup.policyNames"]),
            ({"absent": 1}, ["absent"]),
            ({"absent": None}, []),
        ):
            self.assertEqual(differences(actual, wanted), found, wanted)

    def test_the_order_of_a_list_is_a_difference_where_it_has_a_meaning(self):
        self.assertTrue(self.differ(["a", "b"], ["b", "a"]))
        self.assertFalse(self.differ({"group": {"memberNames": ["a"]}}, {"group": {"memberNames": ["a"]}}))
        self.assertTrue(self.differ({"group": {"memberNames": ["a", "b"]}}, {"group": {"memberNames": ["b", "a"]}}))
        self.assertTrue(self.differ(None, ["a"]))
        self.assertFalse(self.differ({"roles": ["a", "b"]}, {"roles": ["b", "a"]}))
        self.assertTrue(self.differ({"roles": ["a"]}, {"roles": ["b"]}))

    def test_words_have_the_letters_of_whoever_wrote_them(self):
        self.assertFalse(self.differ({"writePolicy": "ALLOW_ONCE"}, {"writePolicy": "allow_once"}))
        self.assertFalse(self.differ({"actions": ["BROWSE", "READ"]}, {"actions": ["read", "browse"]}))
        self.assertTrue(self.differ({"blobStoreName": "Big"}, {"blobStoreName": "big"}))

    def test_a_number_and_its_text_are_the_same_and_nothing_is_an_empty_text(self):
        self.assertFalse(self.differ({"port": "8080", "on": "true", "text": None}, {"port": 8080, "on": True, "text": ""}))
        self.assertTrue(self.differ({"port": "8080"}, {"port": 8081}))

    def test_what_nexus_never_gives_back_is_no_difference(self):
        actual = {"authentication": {"type": "username", "username": "u"}}
        self.assertFalse(self.differ(actual, {"authentication": {"username": "u", "password": "p"}}))
        self.assertTrue(self.differ(actual, {"authentication": {"username": "v", "password": "p"}}))
        for secret in sorted(nexus_compare.WRITE_ONLY):
            self.assertFalse(self.differ({"object": None}, {"object": {secret: "x"}}), secret)

    def test_a_routing_rule_has_another_name_in_an_answer(self):
        for name in ("routingRule", "routingRuleName"):
            self.assertFalse(self.differ({"routingRuleName": "r"}, {name: "r"}))
            self.assertTrue(self.differ({"routingRuleName": None}, {name: "r"}))
            self.assertEqual(merged({name: "s"}, {"routingRuleName": "r"})["routingRule"], "s")
        self.assertEqual(merged({"online": True}, {"routingRuleName": "r"})["routingRule"], "r")
        self.assertEqual(differences({"routingRuleName": "r"}, {"routingRule": None}), ["routingRule"])

    def test_a_put_keeps_what_is_not_asked_for(self):
        actual = {"a": {"b": 1, "c": 2}, "d": [1]}
        self.assertEqual(merged({"a": {"b": 3}, "d": [2]}, actual), {"a": {"b": 3, "c": 2}, "d": [2]})
        self.assertEqual(merged(["x"], ["y"]), ["x"])

    def test_what_a_put_needs_and_is_not_named_is_found(self):
        for body, wanted, found in (
            ({"authentication": {"username": "u"}}, {}, ["authentication.password"]),
            ({"authentication": {"username": "u"}}, {"authentication": {"password": "p"}}, []),
            ({"authentication": {"type": "bearerToken"}}, {}, ["authentication.bearerToken"]),
            ({"authentication": None}, {"authentication": None}, []),
            ({"bucketSecurity": {"accessKeyId": "a"}}, {}, ["bucketSecurity.secretAccessKey"]),
            ({"authUsername": "u"}, {}, ["authPassword"]),
            ({"authentication": {"authenticationMethod": "ACCOUNTKEY"}}, {}, ["authentication.accountKey"]),
        ):
            self.assertEqual(needed_secrets(body, wanted), found, body)

    def test_secrets_are_found_at_any_depth(self):
        wanted = {"a": [{"authentication": {"username": "u", "password": "p"}}], "keypair": {"x": "k"}}
        self.assertEqual(sorted(secrets_of(wanted)), ["k", "p"])


class Wishes(unittest.TestCase):
    def test_names_are_quoted_and_maven2_is_called_maven_in_paths(self):
        asked = {"blob_stores": [{"name": "a b/c", "path": "x"}], "repositories": [NAMED]}
        store, repository = nexus_wishes.wishes(asked)
        self.assertEqual((store.read, store.remove), ("/blobstores/file/a%20b%2Fc", "/blobstores/a%20b%2Fc"))
        self.assertEqual((store.settings, store.new), ({"path": "x"}, {"path": "x", "name": "a b/c"}))
        self.assertEqual((repository.create, repository.read), ("/repositories/maven/hosted", "/repositories/maven/hosted/n"))

    def test_a_group_comes_after_its_members_and_goes_before_them(self):
        group, hosted = {**NAMED, "name": "g", "type": "group"}, NAMED
        self.assertEqual([wish.label for wish in nexus_wishes.wishes({"repositories": [group, hosted]})], ["repository n", "repository g"])
        gone = [{"name": name, "type": kind, "state": "absent"} for name, kind in (("g", "group"), ("n", "hosted"))]
        self.assertEqual([wish.label for wish in nexus_wishes.wishes({"repositories": gone})], ["repository g", "repository n"])

    def test_the_default_repositories_go_only_when_asked_and_not_those_that_are_named(self):
        asked = {"repositories": [{**NAMED, "name": "maven-releases"}], "remove_default_repositories": True}
        gone = [wish.label for wish in nexus_wishes.wishes(asked) if wish.absent]
        self.assertIn("repository maven-central", gone)
        self.assertNotIn("repository maven-releases", gone)
        # Groups before their members.
        self.assertEqual(gone[:2], ["repository nuget-group", "repository maven-public"])

    def test_a_signing_key_has_to_be_named_by_who_changes_its_repository(self):
        plain = {"name": "d", "format": "apt", "type": "hosted", "online": True}
        named = {**plain, "aptSigning": {"keypair": "k", "passphrase": ""}}
        for item, unnamed in ((plain, ["aptSigning.keypair", "aptSigning.passphrase"]), (named, []), ({**plain, "aptSigning": None}, [])):
            (wish,) = nexus_wishes.wishes({"repositories": [item]})
            self.assertEqual(wish.unnamed_secrets({"aptSigning": None, "online": False}), unnamed)

    def test_sizes_are_bytes(self):
        for text, expected in ((5, 5), ("5", 5), ("5 MB", 5000000), ("5MiB", 5 * 2**20), ("1.5 GiB", 3 * 2**29), ("5 M", None), ("x", None)):
            self.assertEqual(nexus_wishes.size(text), expected, text)

    def test_everything_that_is_wrong_is_said_at_once(self):
        wrong = {
            "repositories": [{"name": "x"}, NAMED, {**NAMED, "name": "N"}],
            "users": [{}],
            "roles": [{"id": "r", "name": "r", "state": "gone"}],
            "blob_stores": [{"name": "b", "softQuota": {"limit": "much"}}],
        }
        said = "\n".join(nexus_wishes.problems(wrong))
        for words in (
            "nexus_repositories[0] has no format and no type",
            "nexus_repositories[2]: N is there twice",
            "nexus_users[0] has no userId",
            "state is present or absent, not gone",
            "softQuota.limit is a number of bytes",
        ):
            self.assertIn(words, said)
        self.assertEqual(nexus_wishes.problems(ALL), [])

    def test_a_task_is_compared_by_what_the_answer_has(self):
        (wish,) = nexus_wishes.wishes({"tasks": [{**ALL["tasks"][0], "frequency": {"schedule": "cron", "cronExpression": "x"}}]})
        old = {"items": [{"id": "1", "name": "t", "type": "x"}]}
        self.assertEqual(wish.differs(wish.found(old)), [])
        (there,) = [{"id": "1", "name": "t", "type": "x", "schedule": "cron", "cronExpression": "y"}]
        self.assertEqual(wish.differs(wish.found({"items": [there]})), ["cronExpression"])
        self.assertEqual((wish.update, wish.body(there)["frequency"]["cronExpression"]), ("/tasks/1", "x"))


class Values(unittest.TestCase):
    def test_nexus_is_asked_where_it_listens(self):
        for host, expected in (
            ("0.0.0.0", "http://127.0.0.1:80/n"),
            ("::", "http://[::1]:80/n"),
            ("10.9.9.9", "http://10.9.9.9:80/n"),
            ("2001:db8::1", "http://[2001:db8::1]:80/n"),
        ):
            self.assertEqual(nexus_values.nexus_url(host, 80, "/n/"), expected)

    def test_folders_elsewhere_are_those_of_file_stores_that_stay(self):
        stores = [{"path": "/a"}, {"path": "b"}, {"type": "s3"}, {"path": "/c", "state": "absent"}]
        self.assertEqual(nexus_values.nexus_absolute_paths(stores), ["/a"])

    def test_a_java_says_which_it_is(self):
        self.assertEqual(nexus_values.nexus_java_major('X="1"\nJAVA_VERSION="17.0.19"\n'), "17")
        self.assertEqual(nexus_values.nexus_java_major(""), "")


class Description(unittest.TestCase):
    """The vendor's own description of the newest release, as its Python client has it. No code of that runs."""

    def test_each_call_of_the_role_is_in_it(self):
        known = set()
        for path in glob.glob(os.path.join(real_server(), "description", "api", "*.py")):
            with open(path, encoding="utf-8") as stream:
                known |= set(re.findall(r"method='(\w+)',\s*resource_path='/v1([^']+)'", stream.read()))
        self.assertGreater(len(known), 200)
        patterns = {(method, re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))) for method, path in known}
        for wish in nexus_wishes.wishes(ALL):
            calls = [("GET", wish.read)] + ([("POST", wish.create)] if wish.create else [])
            # What has an id of Nexus' own is asked for by it.
            own = wish.label.split()[0] in ("task", "capability")
            calls += [] if wish.text else [(wish.method, wish.update + ("/1" if own else ""))]
            calls += [("DELETE", wish.remove + ("/1" if own else ""))] if wish.create else []
            for method, path in calls:
                bare = path.partition("?")[0]
                found = any(method == verb and re.fullmatch(pattern, bare) for verb, pattern in patterns)
                self.assertTrue(found, "%s %s is not in the description" % (method, bare))


if __name__ == "__main__":
    unittest.main()
