# SPDX-License-Identifier: Apache-2.0
"""Calls of Nexus' REST API. Never by a proxy of the environment: Nexus is on this machine."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request

LIMIT_S = 120


class Answer:
    """`status` 0: nobody answered, and `text` says why. `value` is what was JSON."""

    def __init__(self, status, text, server):
        self.status, self.text, self.server = status, text, server
        try:
            self.value = json.loads(text)
        except ValueError:
            self.value = None

    def says(self):
        """The server's own words, whichever of its forms they have."""
        entries = self.value if isinstance(self.value, list) else [self.value]
        if self.value is not None and all(isinstance(one, dict) and "message" in one for one in entries):
            words = [(str(one.get("id", "*")), str(one["message"]).strip('"')) for one in entries]
            return "; ".join(message if name == "*" else "%s: %s" % (name, message) for name, message in words)
        return self.text.strip()[:500] or "no message"


class Nexus:
    def __init__(self, api, username=None, password=None):
        self.api = api
        self._login = self._basic(username, password) if username else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None, text=None, limit_s=LIMIT_S, login=None):
        """`body` is sent as JSON, `text` as it is."""
        data = None if body is None and text is None else (text if text is not None else json.dumps(body)).encode()
        request = urllib.request.Request(self.api + path, method=method, data=data)
        if data is not None:
            plain = text is not None and "-----" not in text
            request.add_header("Content-Type", "text/plain" if plain else "application/json")
        request.add_header("Accept", "application/json")
        authorization = login or self._login
        if authorization:
            request.add_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=limit_s) as answer:
                return Answer(answer.status, answer.read().decode("utf-8", "replace"), answer.headers.get("Server"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode("utf-8", "replace"), error.headers.get("Server"))
        except (OSError, ValueError) as error:
            return Answer(0, str(getattr(error, "reason", error)), None)

    def takes(self, username, password):
        """Whether the user can log in: 403 says that it may not ask this, and so who it is."""
        return self.call("GET", "/security/realms/active", login=self._basic(username, password)).status != 401

    @staticmethod
    def _basic(username, password):
        return "Basic " + base64.b64encode(("%s:%s" % (username, password)).encode()).decode()
