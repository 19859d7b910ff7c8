"""The key, signature and MAC vectors, by Python's standard library alone: python3 contract/vectors_test.py"""

import base64
import hashlib
import hmac
import json
import os
import re
import unicodedata
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def vectors(name):
    with open(os.path.join(HERE, "vectors", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def mac(secret, message):
    # OpenTofu keeps every string in NFC, so every implementation does.
    key = unicodedata.normalize("NFC", secret).encode("utf-8")
    return sha256_hex(key + sha256_hex(key + message.encode("utf-8")).encode("ascii"))


def sign(key, event_id, timestamp, body):
    digest = hmac.new(key.encode("ascii"), "{}.{}.".format(event_id, timestamp).encode("ascii") + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest.digest()).decode("ascii")


def refusal(vector, tolerance_s):
    """The code of rejections.json, or None."""
    headers = vector["headers"]
    try:
        event_id, stamp, given = (headers["webhook-" + name] for name in ("id", "timestamp", "signature"))
    except KeyError:
        return "signature_missing"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", event_id):
        return "webhook_id_malformed"
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        return "timestamp_malformed"
    age = vector["now"] - int(stamp)
    if abs(age) > tolerance_s:
        return "timestamp_too_old" if age > 0 else "timestamp_too_new"
    body = base64.b64decode(vector["body_b64"]) if "body_b64" in vector else vector["body"].encode("utf-8")
    expected = [sign(key, event_id, stamp, body) for key in vector["keys"]]
    if any(hmac.compare_digest(one, candidate) for one in given.split(" ") for candidate in expected):
        return None
    return "signature_invalid"


class Vectors(unittest.TestCase):
    def each(self, name, at_least):
        document = vectors(name)
        self.assertGreaterEqual(len(document["vectors"]), at_least)
        for vector in document["vectors"]:
            with self.subTest(vector["name"]):
                yield document, vector

    def test_keys(self):
        for _, vector in self.each("keys", 10):
            key = mac(vector["secret"], vector["fleet"] + "/" + vector["vm"])
            self.assertEqual(key, vector["key"])
            self.assertEqual("whsec_" + base64.b64encode(key.encode("ascii")).decode("ascii"), vector["whsec"])

    def test_signatures(self):
        for document, vector in self.each("signatures", 25):
            code = refusal(vector, document["tolerance_s"])
            self.assertEqual((code is None, code), (vector["valid"], vector.get("code")))

    def test_macs(self):
        for _, vector in self.each("macs", 12):
            lines = [vector["action"], vector.get("fleet") or vector["forwarder"]]
            lines += [vector["vm"]] if "vm" in vector else []
            lines += [vector["id"]]
            lines += [sha256_hex(vector["body"].encode("utf-8"))] if "body" in vector else []
            lines += [vector["stream"]] if "stream" in vector else []
            self.assertEqual("\n".join(lines), vector["message"])
            expected = mac(vector["secret"], vector["message"])
            self.assertEqual(expected, vector["mac"])
            given = vector["headers"]["nexus-pull-mac"].split(" ")
            fits = any(hmac.compare_digest(one, "v1," + expected) for one in given)
            self.assertEqual(fits, vector["valid"])


if __name__ == "__main__":
    unittest.main()
