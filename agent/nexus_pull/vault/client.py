"""The server's HTTP API. Every failure is one of contract/reasons.json; no message has a secret in it."""

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request

from nexus_pull import deadline, tls
from nexus_pull.errors import AgentError

TIMEOUT_S = 30  # of each step
LONGEST_S = 120  # of all
LARGEST = 4 * 1024 * 1024


class Refused(Exception):
    """The server answered and did not do it."""

    def __init__(self, status, errors):
        super().__init__("%d: %s" % (status, "; ".join(errors) or "no reason given"))
        self.status = status
        self.errors = errors


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the configured address and to no other."""

    def redirect_request(self, request, stream, code, message, headers, address):
        return None


class Client:
    def __init__(self, settings):
        self.address = settings["address"].rstrip("/")
        self._namespace = settings.get("namespace")
        https = urllib.request.HTTPSHandler(context=tls.context(settings, "vault"))
        self._opener = urllib.request.build_opener(_NoRedirect, https)

    def get(self, path, token):
        return self._request("GET", path, token, None)

    def post(self, path, body, token=None):
        return self._request("POST", path, token, body)

    def _request(self, method, path, token, body):
        headers = {"X-Vault-Request": "true", "Content-Type": "application/json"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        if token:
            headers["X-Vault-Token"] = token
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request("%s/v1/%s" % (self.address, path), content, headers, method=method)
        try:
            with deadline.within(LONGEST_S):
                return self._exchange(request)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _exchange(self, request):
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return _json(answer.read(LARGEST))
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None

    def _refusal(self, error):
        with error:
            answer = _json(error.read(LARGEST))
        said = [str(text).strip()[:300] for text in answer.get("errors") or [] if text]
        if 300 <= error.code < 400:
            return AgentError("vault_unreachable", "%s answers with a redirect, which is not followed" % self.address)
        if error.code in (429, 472, 473, 501, 503) or "Vault is sealed" in said:
            reason = "vault_unreachable" if error.code == 429 else "vault_sealed"
            return AgentError(reason, "%s answers %d: %s" % (self.address, error.code, "; ".join(said)))
        if error.code >= 500:
            return AgentError("vault_unreachable", "%s answers %d: %s" % (self.address, error.code, "; ".join(said)))
        return Refused(error.code, said)

    def _unreachable(self, error):
        cause = getattr(error, "reason", error)
        said = "%s: %s" % (self.address, cause)
        if isinstance(cause, ssl.SSLError):
            return AgentError("tls_failure", said)
        if isinstance(cause, socket.gaierror):
            return AgentError("dns_failure", said)
        return AgentError("vault_unreachable", said)


def _json(content):
    try:
        value = json.loads(content.decode()) if content else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
