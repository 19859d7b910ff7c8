"""A visit to Vault: log in, or renew, and read the configured secrets. Imported by a run that has some: HTTP and TLS take time."""

import json

from nexus_pull import files
from nexus_pull.errors import AgentError
from nexus_pull.vault.client import Client, Refused
from nexus_pull.vault.secret_id import SecretId

PAUSES_S = (2, 5, 15)
AGAIN = ("vault_unreachable", "vault_sealed", "dns_failure")
SHORTEST_LEASE_S = 30
KEY_BEGIN = "-----BEGIN "


def read(paths, settings, log, sleep):
    for pause in (*PAUSES_S, None):
        try:
            return _Session(paths, settings, log).read()
        except AgentError as error:
            if pause is None or error.reason not in AGAIN:
                raise
            log.line("vault: %s; again in %d s" % (error.message, pause))
            sleep(pause)


class _Session:
    """One visit to the server. Its token is kept in memory for the next run, which renews it."""

    def __init__(self, paths, settings, log):
        self._settings = settings
        self._auth = settings["auth"]
        self._client = Client(settings)
        self._token_file = paths.vault_token
        self._secret_id = SecretId(paths, self._auth, self._client, log)
        self._log = log

    def read(self):
        token = self._renewed() or self._log_in()
        return {name: self._field(name, where, token) for name, where in self._settings["secrets"].items()}

    def _renewed(self):
        """The kept token, when the server lengthens its life: a role may let a secret id be used only once."""
        kept = files.read_json(self._token_file) or {}
        if kept.get("auth") != self._who() or not kept.get("token"):
            return None
        try:
            answer = self._client.post("auth/token/renew-self", {}, kept["token"])
        except Refused as refused:
            self._log.line("vault: the token was not renewed (%s): logging in anew" % refused)
            return None
        long_enough = (answer.get("auth") or {}).get("lease_duration", 0) >= SHORTEST_LEASE_S
        return kept["token"] if long_enough else None

    def _log_in(self):
        body = {"role_id": self._auth["role_id"], "secret_id": self._secret_id.value()}
        try:
            answer = self._client.post("auth/%s/login" % self._auth["mount"], body)
        except Refused as refused:
            said = "login at auth/%s was refused: %s" % (self._auth["mount"], refused)
            raise AgentError("vault_login_failed", said) from None
        token = (answer.get("auth") or {}).get("client_token")
        if not isinstance(token, str):
            raise AgentError("vault_login_failed", "login at auth/%s gave no token" % self._auth["mount"])
        files.write_json(self._token_file, {"auth": self._who(), "token": token})
        return token

    def _who(self):
        return [self._settings["address"], self._settings.get("namespace"), self._auth]

    def _field(self, name, where, token):
        path, field = where["path"], where["field"]
        try:
            data = self._client.get(path, token).get("data") or {}
        except Refused as refused:
            if refused.status == 404:
                raise AgentError("vault_secret_missing", "%s: there is nothing at %s" % (name, path)) from None
            raise AgentError("vault_permission_denied", "%s: %s: %s" % (name, path, refused)) from None
        if isinstance(data.get("data"), dict) and isinstance(data.get("metadata"), dict):
            data = data["data"]  # KV 2
        if field not in data or data[field] is None:
            there = ", ".join(sorted(data)) or "none"
            raise AgentError("vault_secret_missing", "%s: %s has no field %s; there are: %s" % (name, path, field, there))
        return _checked(name, where, data[field])


def _checked(name, where, value):
    """What the contract asks of the same secret in a seed (seed.schema.json)."""
    if name == "extra_vars":
        return value if isinstance(value, str) else json.dumps(value)
    text = value.strip("\r\n") if isinstance(value, str) else ""
    if name == "deploy_key":
        # OpenSSH refuses a private key without its final newline.
        text = text.replace("\r\n", "\n") + "\n"
        usable = text.startswith(KEY_BEGIN)
    else:
        usable = bool(text) and (name != "git_token" or text.isprintable())
    if not usable:
        said = "%s: the field %s of %s is no text that could be one" % (name, where["field"], where["path"])
        raise AgentError("vault_secret_missing", said)
    return text
