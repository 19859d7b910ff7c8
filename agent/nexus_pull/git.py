"""The Git source: a bare mirror, and in it the one commit that is to run.

Upstream's refs live under refs/upstream/, so that a clone of the mirror gets one branch only: refs/heads/run.
"""

import os
import shlex
import urllib.parse

from nexus_pull import files, process
from nexus_pull.errors import AgentError

FETCH_TIMEOUT_S = 900
LOCAL_TIMEOUT_S = 120
PAUSES_S = (2, 5, 15)
REFSPECS = ("+refs/heads/*:refs/upstream/heads/*", "+refs/tags/*:refs/upstream/tags/*")
SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Source:
    """Fetches `source` of the configuration. Needs the run lock: two fetches would fight over the mirror."""

    def __init__(self, paths, source, log):
        self._paths = paths
        self._source = source
        self._log = log

    def fetch(self, sleep):
        """The commit that is to run, as the branch `run` of the mirror."""
        self._prepare()
        self._fetch_with_retries(sleep)
        commit = self._source["commit"] or self._tip()
        self._have(commit)
        self._git("update-ref", "refs/heads/run", commit)
        self._git("symbolic-ref", "HEAD", "refs/heads/run")
        return commit

    def require_descent(self, commit, tip):
        """Fast-forward only, unless pinned or unless another source is followed now than before."""
        followed = self.followed()
        if self._source["commit"] is not None or not tip or tip.get("followed") != followed:
            return
        if self._is_ancestor(tip["commit"], commit):
            return
        if self._is_ancestor(commit, tip["commit"]):
            raise AgentError("rollback_refused", "%s is older than %s, which ran before" % (commit, tip["commit"]))
        raise AgentError("history_rewritten", "%s does not descend from %s, which ran before" % (commit, tip["commit"]))

    def followed(self):
        return [self._source["url"], self._source.get("ref")]

    def file_at(self, commit, path):
        """The text of a file in the commit, or None."""
        code, lines = self._try("show", "%s:%s" % (commit, path))
        return "\n".join(lines) if code == 0 else None

    def head_of(self, checkout):
        """What is really checked out there, or None."""
        code, lines = self._try("-C", checkout, "rev-parse", "--verify", "HEAD^{commit}", bare=False)
        return lines[-1] if code == 0 and lines else None

    def _is_ancestor(self, older, newer):
        return self._try("merge-base", "--is-ancestor", older, newer)[0] == 0

    def _prepare(self):
        for folder in (self._paths.var, self._paths.home, self._paths.run):
            files.make_directory(folder)
        if not os.path.isfile(self._paths.mirror + "/HEAD"):
            self._git("init", "--quiet", "--bare", self._paths.mirror, bare=False)
        # A power cut leaves locks behind, and we hold the run lock: nobody else writes here.
        for folder, _, names in os.walk(self._paths.mirror):
            for name in names:
                if name.endswith(".lock"):
                    files.remove(os.path.join(folder, name))
        files.write(self._paths.run + "/known_hosts", "".join(h + "\n" for h in self._source["known_hosts"]).encode())
        if "ca_certificate" in self._source:
            files.write(self._paths.run + "/git-ca.pem", _bundle(self._source["ca_certificate"]))

    def _fetch_with_retries(self, sleep):
        for pause in (*PAUSES_S, None):
            code, lines = self._try("fetch", "--prune", "--no-tags", "--", self._source["url"], *REFSPECS, show=True)
            if code == 0:
                return
            if pause is None:
                raise AgentError("git_failed", "git fetch: " + _last(lines, code))
            self._log.line("git fetch failed; again in %d s" % pause)
            sleep(pause)

    def _tip(self):
        ref = self._source["ref"]
        names = [ref] if ref.startswith("refs/") else ["refs/heads/" + ref, "refs/tags/" + ref]
        for name in names:
            here = "refs/upstream/" + name[len("refs/") :]
            code, lines = self._try("rev-parse", "--verify", "--quiet", here + "^{commit}")
            if code == 0:
                return lines[-1]
        raise AgentError("ref_not_found", "there is no branch or tag %s at %s" % (ref, self._source["url"]))

    def _have(self, commit):
        if self._try("cat-file", "-e", commit + "^{commit}")[0] == 0:
            return
        # A pinned commit that no branch or tag leads to: servers may hand it out by its id, or refuse.
        self._try("fetch", "--no-tags", "--", self._source["url"], commit, show=True)
        if self._try("cat-file", "-e", commit + "^{commit}")[0] != 0:
            raise AgentError("commit_not_found", "commit %s is not at %s" % (commit, self._source["url"]))

    def _git(self, *arguments, bare=True):
        code, lines = self._try(*arguments, bare=bare)
        if code != 0:
            raise AgentError("git_failed", "git %s: %s" % (arguments[0], _last(lines, code)))

    def _try(self, *arguments, bare=True, show=False):
        lines = []

        def on_line(text):
            lines.append(self._log.redact(text))
            if show:
                self._log.line("git: " + text)

        argv = ["git", *self._settings(), *(["--git-dir", self._paths.mirror] if bare else []), *arguments]
        timeout = FETCH_TIMEOUT_S if show else LOCAL_TIMEOUT_S
        try:
            code, late = process.run(argv, self._environment(), self._paths.var, timeout, on_line)
        except FileNotFoundError as error:
            raise AgentError("git_missing", "git is not installed, and this agent installs nothing") from error
        if late:
            lines.append("no end after %d s" % timeout)
        return code, lines

    def _settings(self):
        # The empty value drops helpers of the system's configuration: they would be offered our token to store.
        helper = "!%s git-credential" % shlex.quote(self._paths.program)
        pairs = ["credential.helper=", "gc.autoDetach=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60"]
        if self._source["credential"]["kind"] == "token":
            pairs.insert(1, "credential.helper=" + helper)
        if "ca_certificate" in self._source:
            pairs.append("http.sslCAInfo=%s/git-ca.pem" % self._paths.run)
        return [part for pair in pairs for part in ("-c", pair)]

    def _environment(self):
        return process.environment(
            self._paths,
            GIT_TERMINAL_PROMPT="0",
            GIT_ASKPASS="true",
            GIT_ALLOW_PROTOCOL="https:http:ssh:file",
            GIT_SSH_COMMAND=shlex.join(self._ssh()),
        )

    def _ssh(self):
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "20",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self._paths.run + "/known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
        }
        argv = ["ssh", "-F", "/dev/null"]
        if self._source["credential"]["kind"] == "deploy_key":
            argv += ["-i", self._paths.secret("deploy_key")]
        return argv + [part for name, value in options.items() for part in ("-o", name + "=" + value)]


def credential_answer(source, token, request):
    """What git's credential helper protocol is answered: only for the configured server, and never without TLS."""
    asked = dict(line.split("=", 1) for line in request.splitlines() if "=" in line)
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


def _last(lines, code):
    said = [line for line in lines if line.strip()]
    return said[-1] if said else "exit %d" % code
