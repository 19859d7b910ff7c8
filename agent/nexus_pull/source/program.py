"""git, with the configured credential and nothing of the caller's."""

import os
import shlex

from nexus_pull import files, process
from nexus_pull.errors import AgentError
from nexus_pull.source import failures

NETWORK_TIMEOUT_S = 900
LOCAL_TIMEOUT_S = 120
SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Git:
    """Runs git on the mirror."""

    def __init__(self, paths, source, log):
        self._paths = paths
        self._source = source
        self._log = log

    def write_trust(self):
        """The files that say whom to trust: host keys and a CA. Below /run, anew each time."""
        known = "".join(line + "\n" for line in self._source["known_hosts"])
        files.write(self._paths.run + "/known_hosts", known.encode())
        if "ca_certificate" in self._source:
            files.write(self._paths.run + "/git-ca.pem", _bundle(self._source["ca_certificate"]))

    def must(self, *arguments, bare=True):
        """Its output, or AgentError."""
        code, lines = self.attempt(*arguments, bare=bare)
        if code != 0:
            reason, said = failures.cause(lines, code)
            raise AgentError(reason, "git %s: %s" % (arguments[0], said))
        return lines

    def attempt(self, *arguments, bare=True, network=False, settings=(), more=None):
        """(exit code, lines of output, without secrets)."""
        lines = []

        def on_line(text):
            lines.append(self._log.redact(text))
            if network:
                self._log.line("git: " + text)

        options = [part for pair in (*self._settings(network), *settings) for part in ("-c", pair)]
        argv = ["git", *options, *(["--git-dir", self._paths.mirror] if bare else []), *arguments]
        timeout = NETWORK_TIMEOUT_S if network else LOCAL_TIMEOUT_S
        try:
            code, late = process.run(argv, self._environment(more or {}), self._paths.var, timeout, on_line)
        except FileNotFoundError as error:
            raise AgentError("git_missing", "git is not installed: %s" % error) from error
        if late:
            lines.append("no end after %d s" % timeout)
        return code, lines

    def _settings(self, network):
        pairs = ["gc.autoDetach=false", "core.fsync=all", "core.hooksPath=/dev/null"]
        if not network:
            return pairs
        # The empty value drops helpers of the system's configuration: they would be offered our token to store.
        pairs += ["credential.helper=", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60"]
        if self._source["credential"]["kind"] == "token":
            pairs.append("credential.helper=!%s git-credential" % shlex.quote(self._paths.program))
        if "ca_certificate" in self._source:
            pairs.append("http.sslCAInfo=%s/git-ca.pem" % self._paths.run)
        return pairs

    def _environment(self, more):
        return process.environment(
            self._paths,
            GIT_TERMINAL_PROMPT="0",
            GIT_ASKPASS="true",
            GIT_ALLOW_PROTOCOL="https:http:ssh:file",
            GIT_SSH_COMMAND=shlex.join(self._ssh()),
            **more,
        )

    def _ssh(self):
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "20",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self._paths.run + "/known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
        }
        argv = ["ssh", "-F", "/dev/null"]
        if self._source["credential"]["kind"] == "deploy_key":
            argv += ["-i", self._paths.secret("deploy_key")]
        return argv + [part for name, value in options.items() for part in ("-o", name + "=" + value)]


def credential_answer(source, token, request):
    """What git's credential helper protocol is answered: only for the configured server, and never without TLS."""
    import urllib.parse

    asked = dict(line.split("=", 1) for line in request.split("\n") if "=" in line)
    url = urllib.parse.urlsplit(source["url"])
    if url.scheme != "https" or (asked.get("protocol"), asked.get("host")) != (url.scheme, url.netloc):
        return ""
    return "username=%s\npassword=%s\n" % (source["credential"].get("username", "x-access-token"), token)


def _bundle(certificate):
    """http.sslCAInfo replaces the system's authorities, and the setting says: beside them."""
    parts = []
    for path in SYSTEM_BUNDLES:
        if os.path.isfile(path):
            with open(path, "rb") as source:
                parts.append(source.read())
            break
    return b"\n".join([*parts, certificate.encode()])
