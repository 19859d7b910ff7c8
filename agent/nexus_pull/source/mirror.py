"""The bare mirror, and in it the one commit that is to run.

Upstream's refs live under refs/upstream/, so that a clone of the mirror gets one branch only: refs/heads/run, which is
moved when the commit was accepted, never before.
"""

import collections
import os
import shutil

from nexus_pull import facts, files
from nexus_pull.errors import AgentError
from nexus_pull.source import failures
from nexus_pull.source.checkout import Checkout
from nexus_pull.source.program import Git
from nexus_pull.source.verify import Rejected, Verifier

PAUSES_S = (2, 5, 10)
REFSPECS = ("+refs/heads/*:refs/upstream/heads/*", "+refs/tags/*:refs/upstream/tags/*")

# ref: refs/upstream/... that was followed, or None for a pinned commit.
Candidate = collections.namedtuple("Candidate", "commit ref")


class Mirror:
    """Fetches `source` of the configuration. Needs the run lock: two fetches would fight over the mirror."""

    def __init__(self, paths, source, log):
        self._paths = paths
        self._source = source
        self._log = log
        self._git = Git(paths, source, log)

    def fetch(self, sleep):
        """The commit that is meant. It is not accepted yet."""
        self._prepare()
        self._fetch_with_retries(sleep)
        if self._source["commit"] is not None:
            self._have(self._source["commit"])
            return Candidate(self._source["commit"], None)
        return self._tip()

    def accept(self, candidate, tip):
        """Hold the candidate to the policy and to fast-forward only; then, and only then, it may be checked out.

        Returns the signer, or None without a policy. Raises Rejected. `tip` is what ran before.
        """
        signer = Verifier(self._paths, self._source, self._git).check(candidate)
        self._require_descent(candidate.commit, tip)
        self._git.must("update-ref", "refs/heads/run", candidate.commit)
        self._git.must("symbolic-ref", "HEAD", "refs/heads/run")
        return signer

    def followed(self):
        return [self._source["url"], self._source.get("ref")]

    def check_out(self, commit, folder):
        """The commit as files, submodules included."""
        Checkout(self._paths, self._source, self._git, self._log).make(commit, folder)

    def files_of(self, checkout):
        """Names of the files that a checkout has from git."""
        code, lines = self._git.attempt("-C", checkout, "ls-files", "-z", bare=False)
        return [name for name in "\n".join(lines).split("\0") if name] if code == 0 else []

    def head_of(self, checkout):
        """What is really checked out there, or None."""
        code, lines = self._git.attempt("-C", checkout, "rev-parse", "--verify", "HEAD^{commit}", bare=False)
        return lines[-1] if code == 0 and lines else None

    def _require_descent(self, commit, tip):
        """Fast-forward only, unless pinned or unless another source is followed now than before."""
        if self._source["commit"] is not None or not tip or tip.get("followed") != self.followed():
            return
        before = tip["commit"]
        if before == commit or self._is_ancestor(before, commit):
            return
        if self._is_ancestor(commit, before):
            raise Rejected("rollback_refused", "%s is older than %s, which ran before" % (commit, before))
        raise Rejected("history_rewritten", "%s does not descend from %s, which ran before" % (commit, before))

    def _is_ancestor(self, older, newer):
        return self._git.attempt("merge-base", "--is-ancestor", older, newer)[0] == 0

    def _prepare(self):
        for folder in (self._paths.var, self._paths.home, self._paths.run):
            files.make_directory(folder)
        self._git.write_trust()
        if not os.path.isfile(self._paths.mirror + "/HEAD"):
            self._git.must("init", "--quiet", "--bare", self._paths.mirror, bare=False)
        # A power cut leaves locks behind, and we hold the run lock: nobody else writes here.
        for folder, _, names in os.walk(self._paths.mirror):
            for name in names:
                if name.endswith(".lock"):
                    files.remove(os.path.join(folder, name))

    def _fetch_with_retries(self, sleep):
        pauses, mended = list(PAUSES_S), False
        while True:
            code, lines = self._git.attempt(
                "fetch", "--prune", "--no-tags", "--", self._source["url"], *REFSPECS, network=True
            )
            if code == 0:
                return
            reason, said = failures.cause(lines, code, facts.clock_synced())
            if reason == "git_failed" and failures.is_corrupt(lines) and not mended:
                self._log.line("the mirror is damaged: it is made anew")
                shutil.rmtree(self._paths.mirror, ignore_errors=True)
                self._prepare()
                mended = True
            elif reason in failures.PASSING and pauses:
                self._log.line("git fetch failed; again in %d s" % pauses[0])
                sleep(pauses.pop(0))
            else:
                raise AgentError(reason, "git fetch %s: %s" % (self._source["url"], said))

    def _tip(self):
        ref = self._source["ref"]
        names = [ref] if ref.startswith("refs/") else ["refs/heads/" + ref, "refs/tags/" + ref]
        for name in names:
            here = "refs/upstream/" + name[len("refs/") :]
            code, lines = self._git.attempt("rev-parse", "--verify", "--quiet", here + "^{commit}")
            if code == 0:
                return Candidate(lines[-1], here)
        listing = ["for-each-ref", "--count=8", "--format=%(refname:lstrip=3)", "refs/upstream"]
        offered = self._git.must(*listing)
        raise AgentError(
            "ref_not_found",
            "there is no branch or tag %s at %s; it has: %s" % (ref, self._source["url"], ", ".join(offered) or "nothing"),
        )

    def _have(self, commit):
        if self._git.attempt("cat-file", "-e", commit + "^{commit}")[0] == 0:
            return
        # A pinned commit that no branch or tag leads to: servers may hand it out by its id, or refuse.
        self._git.attempt("fetch", "--no-tags", "--", self._source["url"], commit, network=True)
        if self._git.attempt("cat-file", "-e", commit + "^{commit}")[0] != 0:
            raise AgentError("commit_not_found", "commit %s is not at %s" % (commit, self._source["url"]))
