"""The AppRole's secret id: out of its wrapping once, and from then on out of a file of root's.

Something has to survive a reboot, or the machine could never configure itself again: a wrapping token works once. It is the
secret id, and nothing else: it opens nothing without the role's own bounds, and it can be revoked at the server. It is
sealed by systemd-creds where that is there (to the TPM if there is one, else to a key of this machine), else the file is
readable by root alone; status says which.
"""

import calendar
import hashlib
import os
import re
import subprocess
import time

from nexus_pull import files
from nexus_pull.errors import AgentError
from nexus_pull.process import environment
from nexus_pull.vault.client import Refused

NAME = "nexus-pull-secret-id"
TIMEOUT_S = 60


class SecretId:
    """The one that belongs to the wrapping token of the adopted seed."""

    def __init__(self, paths, auth, client, log):
        self._paths = paths
        self._auth = auth
        self._client = client
        self._log = log

    def value(self):
        wrapper = _read(self._paths.seed_secret("wrapped_secret_id"))
        mark = hashlib.sha256(wrapper.encode()).hexdigest()
        kept = files.read_json(self._paths.vault) or {}
        if kept.get("wrapper") != mark:
            kept = {"wrapper": mark}
        if "secret_id" not in kept:
            return self._unwrap(wrapper, kept)
        return self._open(kept) if kept["sealed"] else kept["secret_id"]

    def _unwrap(self, wrapper, kept):
        self._look_up(wrapper, kept)
        try:
            answer = self._client.post("sys/wrapping/unwrap", {}, wrapper)
        except Refused as refused:
            raise self._not_unwrapped(refused, kept) from None
        secret_id = (answer.get("data") or {}).get("secret_id")
        if not isinstance(secret_id, str):
            raise AgentError("vault_login_failed", "what was wrapped is no secret id")
        self._keep(secret_id, kept)
        self._log.line("vault: the secret id was unwrapped; its wrapping token is used up")
        return secret_id

    def _look_up(self, wrapper, kept):
        """Looking does not use it up. What was wrapped, and until when, is known only as long as it is there."""
        try:
            found = self._client.post("sys/wrapping/lookup", {"token": wrapper}).get("data") or {}
        except Refused as refused:
            raise self._not_unwrapped(refused, kept) from None
        path = str(found.get("creation_path", ""))
        if not re.search(r"(?:^|/)auth/%s/role/[^/]+/secret-id$" % re.escape(self._auth["mount"]), path):
            # Somebody put another wrapping in its place (or another thing was wrapped): it is not used.
            said = "the wrapping token was made by %s, not by a role's secret-id at auth/%s"
            raise AgentError("vault_login_failed", said % (path or "nobody knows what", self._auth["mount"]))
        kept["lookup"] = {key: found[key] for key in ("creation_time", "creation_ttl", "creation_path") if key in found}
        files.write_json(self._paths.vault, kept)

    def _not_unwrapped(self, refused, kept):
        if refused.status != 400:
            return AgentError("vault_login_failed", "the wrapping token was not accepted: %s" % refused)
        seen = kept.get("lookup")
        if seen and _is_over(seen):
            said = "its time to live of %s s, from %s, is over" % (seen["creation_ttl"], seen["creation_time"])
            return AgentError("wrapped_secret_expired", said)
        said = "the wrapping token is used up, or it has expired, before this machine unwrapped it"
        if seen:
            said = "the wrapping token, made at %s by %s, was there a moment ago and is used up now"
            said %= (seen.get("creation_time"), seen.get("creation_path"))
        return AgentError("secret_already_claimed", said)

    def _keep(self, secret_id, kept):
        sealed = self._seal(secret_id)
        kept.update(sealed=sealed is not None, secret_id=sealed if sealed is not None else secret_id)
        files.write_json(self._paths.vault, kept)

    def _seal(self, secret_id):
        code, output = self._creds(["encrypt", "--name=" + NAME, "-", "-"], secret_id.encode())
        return output.decode() if code == 0 and output else None

    def _open(self, kept):
        code, output = self._creds(["decrypt", "--name=" + NAME, "-", "-"], kept["secret_id"].encode())
        if code != 0:
            said = "the kept secret id can no longer be opened by systemd-creds: apply with a new wrapping token"
            raise AgentError("secret_missing", said)
        return output.decode()

    def _creds(self, arguments, content):
        program = self._paths.at("/usr/bin/systemd-creds") if self._paths.root else "systemd-creds"
        try:
            done = subprocess.run(
                [program, *arguments],
                input=content,
                env=environment(self._paths),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return 1, b""
        return done.returncode, done.stdout


def _is_over(seen):
    """By this machine's clock, which may be wrong: then it is said to be claimed, which is looked into."""

    try:
        begun = calendar.timegm(time.strptime(str(seen["creation_time"])[:19], "%Y-%m-%dT%H:%M:%S"))
        return time.time() > begun + int(seen["creation_ttl"])
    except (KeyError, ValueError):
        return False


def _read(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        raise AgentError("secret_missing", "the seed has no wrapped_secret_id: %s" % os.path.basename(path)) from None
