"""Signature policies. git verifies; what it says only chooses the reason's code."""

import os
import re
import shutil
import time

from nexus_pull import files, process
from nexus_pull.errors import AgentError

SSH, GPG = "ssh", "gpg"
SIGNATURES = ((SSH, "-----BEGIN SSH SIGNATURE-----"), (GPG, "-----BEGIN PGP SIGNATURE-----"))
SSH_SIGNER = re.compile(r'Good "git" signature(?: for (?P<principal>.+))? with \S+ key (?P<fingerprint>SHA256:\S+)')
VALIDITY = re.compile(r'\bvalid-(after|before)="?(\d{14}|\d{12}|\d{8})(Z?)', re.IGNORECASE)
UNTRUSTED_GPG = ("NO_PUBKEY",)
BAD_GPG = ("BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "KEYEXPIRED", "KEYREVOKED")


class Rejected(AgentError):
    """The source was fetched and must not run."""

    def __init__(self, reason, message, signer=None):
        super().__init__(reason, message)
        self.signer = signer


class Verifier:
    """Checks a candidate of the mirror."""

    def __init__(self, paths, source, git):
        self._paths = paths
        self._verify = source["verify"]
        self._git = git

    def check(self, candidate):
        """The signer; None when the policy is none. Raises Rejected."""
        policy = self._verify["policy"]
        if policy == "none":
            return None
        self._require_programs(policy)
        if self._verify["object"] == "commit":
            return self._one("commit", candidate.commit, "commit " + candidate.commit)
        return self._any_tag(candidate)

    def _any_tag(self, candidate):
        """The tag that is followed; of a branch or a pinned commit any tag that names the commit."""
        if candidate.ref is not None and candidate.ref.startswith("refs/upstream/tags/"):
            names = [candidate.ref]
        else:
            listing = ["for-each-ref", "--points-at", candidate.commit, "--format=%(refname)", "refs/upstream/tags"]
            names = self._git.must(*listing)
        failure = Rejected("source_unsigned", "no signed tag names commit %s" % candidate.commit)
        for name in names:
            try:
                return self._one("tag", name, "tag " + name[len("refs/upstream/tags/") :])
            except Rejected as error:
                failure = error
        raise failure

    def _one(self, kind, name, said):
        text = self._object(kind, name, said)
        signed_by = _signature_kind(text, kind)
        policy = self._verify["policy"]
        if signed_by != policy:
            kind_said = "has no signature" if signed_by is None else "has a signature of kind %s" % signed_by
            raise Rejected("source_unsigned", "%s %s, and policy %s asks for one" % (said, kind_said, policy))
        if kind == "tag":
            self._require_own_name(name, text)
        code, lines = self._git.attempt(
            "verify-" + kind, "--raw", name, settings=self._settings(), more={"GNUPGHOME": self._paths.run + "/gnupg"}
        )
        signer = _ssh_signer(lines) if policy == SSH else _gpg_signer(lines)
        # A signer of the policy's own kind: git verifies a tag by the last signature in it, whatever stands above.
        if code == 0 and signer:
            return signer
        reason = _ssh_reason(lines) if policy == SSH else _gpg_reason(lines)
        key = " (key %s)" % signer["fingerprint"] if signer and "fingerprint" in signer else ""
        raise Rejected(reason, "%s%s: %s" % (said, key, _words(lines)), signer)

    def _object(self, kind, name, said):
        code, lines = self._git.attempt("cat-file", kind, name)
        if code != 0:
            # cat-file tag of a lightweight tag, which is a mere name of a commit.
            raise Rejected("source_unsigned", "%s is lightweight and cannot carry a signature" % said)
        return lines

    def _require_own_name(self, name, lines):
        """A signed tag that was put under another name would let somebody replay an old release as a new one."""
        short = name[len("refs/upstream/tags/") :]
        own = next((line[len("tag ") :] for line in lines if line.startswith("tag ")), None)
        if own != short:
            raise Rejected("source_signature_bad", "tag %s was signed as tag %s" % (short, own))

    def _settings(self):
        return (
            "gpg.ssh.allowedSignersFile=%s/allowed_signers" % self._paths.run,
            "gpg.ssh.program=ssh-keygen",
            "gpg.program=gpg",
            "gpg.openpgp.program=gpg",
            "gpg.minTrustLevel=undefined",
        )

    def _require_programs(self, policy):
        program = {SSH: "ssh-keygen", GPG: "gpg"}[policy]
        if shutil.which(program, path=self._paths.search_path) is None:
            raise AgentError("bootstrap_step_failed", "%s is not installed, and source.verify needs it" % program)
        if policy == SSH:
            # git asks whether a key was valid at the commit's own date, which whoever has the key sets as he likes.
            lines = [line for line in self._verify["allowed_signers"].split("\n") if _is_valid_now(line, time.time())]
            files.write(self._paths.run + "/allowed_signers", "\n".join(lines).encode() + b"\n")
            return
        # Anew each time: a key that was taken out of the configuration must not stay trusted.
        home = self._paths.run + "/gnupg"
        shutil.rmtree(home, ignore_errors=True)
        files.make_directory(home)
        keyring = self._paths.run + "/keyring.asc"
        files.write(keyring, self._verify["keyring"].encode())
        self._import(home, keyring)

    def _import(self, home, keyring):
        lines = []
        argv = ["gpg", "--batch", "--no-tty", "--homedir", home, "--import", keyring]
        code, _ = process.run(argv, process.environment(self._paths), self._paths.var, 60, lines.append)
        # gpg ends with 2 for one bad key among good ones; without any key nothing will verify.
        if code != 0 and not os.path.exists(home + "/pubring.kbx"):
            raise AgentError("config_invalid", "source.verify.keyring: gpg: %s" % " ".join(lines[-2:]))


def _is_valid_now(line, now):
    """Whether a line of allowed_signers has no valid-after or valid-before that leaves the present out."""
    import calendar

    for name, stamp, utc in VALIDITY.findall(line):
        form = "%Y%m%d%H%M%S"[: {8: 6, 12: 10, 14: 12}[len(stamp)]]
        parsed = time.strptime(stamp, form)
        at = calendar.timegm(parsed) if utc else time.mktime(parsed)
        if now >= at if name.lower() == "before" else now < at:
            return False
    return True


def _signature_kind(lines, kind):
    """ssh, gpg or None. Of a commit only its header counts: its message may say anything."""
    if kind == "commit":
        header = lines[: lines.index("")] if "" in lines else lines
        starts = [line.split(" ", 1)[1] for line in header if line.startswith(("gpgsig ", "gpgsig-sha256 "))]
    else:
        starts = [line for line in lines if line.startswith("-----BEGIN ")]
    for name, frame in SIGNATURES:
        if frame in starts:
            return name
    return None


def _ssh_signer(lines):
    for line in lines:
        found = SSH_SIGNER.search(line)
        if found:
            return {key: value for key, value in found.groupdict().items() if value}
    return None


def _ssh_reason(lines):
    # ssh-keygen checks the signature itself before it says that no principal has its key.
    text = "\n".join(lines)
    return "signer_unknown" if "No principal matched" in text and SSH_SIGNER.search(text) else "source_signature_bad"


def _gpg_status(lines):
    marked = [line.split(" ")[1:] for line in lines if line.startswith("[GNUPG:] ")]
    return {words[0]: words[1:] for words in marked if words}


def _gpg_signer(lines):
    status = _gpg_status(lines)
    signer = {}
    for word in ("GOODSIG", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG"):
        if word in status:
            signer = {"principal": " ".join(status[word][1:])[:256], "fingerprint": status[word][0]}
    if "NO_PUBKEY" in status:
        signer["fingerprint"] = status["NO_PUBKEY"][0]
    if "VALIDSIG" in status:
        signer["fingerprint"] = status["VALIDSIG"][0]
    return signer or None


def _gpg_reason(lines):
    status = _gpg_status(lines)
    unknown = any(word in status for word in UNTRUSTED_GPG) and not any(word in status for word in BAD_GPG)
    return "signer_unknown" if unknown else "source_signature_bad"


def _words(lines):
    plain = [line for line in lines if line.strip() and not line.startswith("[GNUPG:]")]
    marked = [line[len("[GNUPG:] ") :] for line in lines if line.startswith("[GNUPG:]")]
    return " ".join(" ".join((plain or marked)[-3:]).split())[:500]
