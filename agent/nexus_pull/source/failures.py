"""What git and ssh said when they failed -> (reason, the line that says it). Pure."""

import re

# In this order: git repeats the cause of ssh or curl and adds general advice below it.
CAUSES = (
    ("disk_full", r"no space left on device|disk quota exceeded"),
    ("file_system_read_only", r"read-only file system"),
    ("proxy_failure", r"could not resolve proxy|code \d+ from proxy|connect tunnel failed"),
    ("dns_failure", r"could not resolve host|name or service not known|temporary failure in name resolution"),
    ("host_key_mismatch", r"remote host identification has changed|host key for \S+ has changed"),
    ("host_key_unknown", r"host key verification failed|no \S+ host key is known"),
    ("tls_failure", r"ssl certificate problem|certificate verif|certificate verify failed|self[- ]signed certificate"),
    ("tls_failure", r"gnutls_handshake|ssl_connect|ssl routines|certificate .*(?:expired|not trusted|not yet)"),
    ("git_auth_failed", r"authentication failed|access denied|permission denied \(|returned error: 40[13]\b"),
    ("git_auth_failed", r"could not read (?:username|password)|terminal prompts disabled|invalid credentials"),
    ("repository_not_found", r"repository .*not found|returned error: 404|not found: did you run|repository not found"),
    ("repository_not_found", r"does not appear to be a git repository|repository .*does not exist"),
    ("repository_not_found", r"project you were looking for could not be found"),
    ("git_unreachable", r"failed to connect|couldn't connect|could not connect|connection (?:refused|timed out|reset)"),
    ("git_unreachable", r"no route to host|network is unreachable|operation timed out|no end after \d+ s"),
    ("git_unreachable", r"returned error: 5\d\d|kex_exchange_identification|connection closed by|too slow"),
    ("git_unreachable", r"early eof|hung up unexpectedly|transfer closed|rpc failed|empty reply from server"),
)
DATES = re.compile(r"(?i)expired|not yet valid|not yet activated")
# What another attempt a few seconds later may mend; everything else it does not.
PASSING = ("dns_failure", "git_unreachable", "proxy_failure", "git_failed")
CORRUPT = re.compile(
    r"(?i)object file .* is empty|is corrupt|bad object|bad config|invalid object|unable to read sha1 file|"
    r"not a git repository|loose object|missing (?:blob|tree|commit)|bad (?:ref|signature|tree)|bogus"
)


def cause(lines, code, clock_synced=True):
    """(reason, sentence)."""
    for reason, pattern in CAUSES:
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                if reason == "tls_failure" and DATES.search(line) and not clock_synced:
                    reason = "clock_not_synced"
                return reason, " ".join(line.split())
    return "git_failed", last(lines, code)


def is_corrupt(lines):
    return any(CORRUPT.search(line) for line in lines)


def last(lines, code):
    said = [" ".join(line.split()) for line in lines if line.strip()]
    return said[-1] if said else "exit %d" % code
