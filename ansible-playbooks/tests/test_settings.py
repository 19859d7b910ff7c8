"""The nexus role's comparison of settings. No Ansible."""

import os
import sys
import unittest

from tests.support import REPOSITORY

sys.path.insert(0, os.path.join(REPOSITORY, "roles", "nexus", "filter_plugins"))

from nexus_settings import nexus_differs, nexus_merged, nexus_requests


class Settings(unittest.TestCase):
    def test_what_is_not_asked_for_is_no_difference(self):
        actual = {"online": True, "storage": {"blobStoreName": "default", "writePolicy": "allow"}, "cleanup": None}
        for wanted, differs in (
            ({"online": True}, False),
            ({"storage": {"blobStoreName": "default"}}, False),
            ({"storage": {"blobStoreName": "other"}}, True),
            ({"cleanup": {"policyNames": ["old"]}}, True),
            ({"absent": 1}, True),
            ({"absent": None}, False),
        ):
            self.assertEqual(nexus_differs(actual, wanted), differs, wanted)

    def test_the_order_of_a_list_is_a_difference(self):
        self.assertTrue(nexus_differs(["a", "b"], ["b", "a"]))
        self.assertFalse(nexus_differs({"group": {"memberNames": ["a"]}}, {"group": {"memberNames": ["a"]}}))
        self.assertTrue(nexus_differs(None, ["a"]))

    def test_what_nexus_never_gives_back_is_no_difference(self):
        actual = {"authentication": {"type": "username", "username": "u"}}
        self.assertFalse(nexus_differs(actual, {"authentication": {"username": "u", "password": "p"}}))
        self.assertTrue(nexus_differs(actual, {"authentication": {"username": "v", "password": "p"}}))

    def test_a_put_keeps_what_is_not_asked_for(self):
        actual = {"a": {"b": 1, "c": 2}, "d": [1]}
        self.assertEqual(nexus_merged({"a": {"b": 3}, "d": [2]}, actual), {"a": {"b": 3, "c": 2}, "d": [2]})
        self.assertEqual(nexus_merged(["x"], ["y"]), ["x"])

    def test_addresses_are_those_of_the_rest_api(self):
        stores = [{"name": "s3", "type": "s3", "bucketConfiguration": {}}, {"name": "f", "path": "f"}]
        repository = {"name": "r", "format": "maven2", "type": "hosted", "online": True}
        realms, anonymous, *named = nexus_requests(["A"], False, stores, [repository])
        self.assertEqual((realms["read"], realms["settings"]), ("/security/realms/active", ["A"]))
        self.assertEqual(anonymous["settings"], {"enabled": False})
        self.assertNotIn("create", anonymous)
        self.assertEqual(
            [one["read"] for one in named],
            ["/blobstores/s3/s3", "/blobstores/file/f", "/repositories/maven/hosted/r"],
        )
        self.assertEqual(
            [one["create"] for one in named], ["/blobstores/s3", "/blobstores/file", "/repositories/maven/hosted"]
        )
        self.assertEqual((named[1]["settings"], named[1]["new"]), ({"path": "f"}, {"path": "f", "name": "f"}))
        self.assertEqual(named[2]["settings"], {"name": "r", "online": True})
