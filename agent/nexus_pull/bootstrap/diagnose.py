"""Which reason (contract/reasons.json) the words of apt, dnf, pip and venv mean. Seen in tests/bootstrap_outputs.txt."""

import re

# The first that matches counts: the order goes from causes to what follows from them.
RULES = (
    ("disk_full", r"No space left on device|have enough free space|Disk quota exceeded"),
    ("file_system_read_only", r"Read-only file system"),
    ("permission_denied", r"are you root\?|superuser privileges|\[Errno 13\]"),
    (
        "package_lock_timeout",
        r"Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock directory"
        r"|Waiting for process with pid|holding the (?:yum|dnf) lock",
    ),
    (
        "proxy_failure",
        r"\b407\b.{0,12}Proxy|response 407|Invalid response from proxy|ProxyError|Cannot connect to proxy"
        r"|Tunnel connection failed|CONNECT tunnel failed|resolve proxy",
    ),
    ("clock_not_synced", r"is not valid yet|not yet valid"),
    (
        "tls_failure",
        r"CERTIFICATE_VERIFY_FAILED|certificate verif\w+ failed|SSL peer certificate|SSLError|Could not handshake"
        r"|SSL certificate problem",
    ),
    (
        "dns_failure",
        r"Could not resolve|Couldn't resolve host|Temporary failure (?:resolving|in name resolution)"
        r"|Name or service not known|No address associated",
    ),
    (
        "network_unreachable",
        r"Connection refused|Network is unreachable|No route to host|[Cc]onnection timed out|[Rr]ead timed out"
        r"|Couldn't connect to server|Could not connect to|Connection reset|Operation too slow|Timeout was reached",
    ),
    ("package_not_found", r"Unable to locate package|has no installation candidate|Unable to find a match"),
)
COMPILED = tuple((reason, re.compile(pattern)) for reason, pattern in RULES)
NETWORK = ("network_unreachable",)
# Another try cannot help: neither time nor the network mends these.
PERMANENT = frozenset(
    {
        "agent_mismatch",
        "ansible_too_old",
        "file_system_read_only",
        "package_not_found",
        "permission_denied",
        "python_too_old",
    }
)


def reason_of(lines, default, proxies=()):
    """`proxies`: host:port of each configured one. A refused connection to one of them is the proxy's."""
    text = "\n".join(lines)
    for reason, pattern in COMPILED:
        if pattern.search(text):
            through = any(_names(text, proxy) for proxy in proxies)
            return "proxy_failure" if reason in NETWORK and through else reason
    return default


def telling_line(lines):
    """The line that says most: the last that names an error, else the last."""
    said = [line.strip() for line in lines if line.strip()]
    errors = [line for line in said if re.match(r"(?:E:|Error|ERROR|error:|dpkg: error|\s*- Curl error)", line)]
    causes = [line for line in errors if any(pattern.search(line) for _, pattern in COMPILED)]
    return (causes or errors or said or [""])[-1][:500]


def _names(text, proxy):
    host, _, port = proxy.rpartition(":")
    return proxy in text or "%s port %s" % (host, port) in text
