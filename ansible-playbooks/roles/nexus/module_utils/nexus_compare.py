# SPDX-License-Identifier: Apache-2.0
"""Whether an answer of Nexus' REST API differs from what is wanted, and what a PUT has to say. Pure."""

from __future__ import annotations

# Accepted, and not given back: a change of nothing else is not seen.
WRITE_ONLY = {
    "password",
    "passphrase",
    "keypair",
    "bearerToken",
    "secretAccessKey",
    "sessionToken",
    "accountKey",
    "authPassword",
    "clientSecret",
}
# An answer's name for what a request calls otherwise: (request, answer).
ALIASES = (("routingRule", "routingRuleName"),)
# Words of which REST, the user interface and Nexus itself each have their own letters.
ENUMS = {"writePolicy", "deployPolicy", "versionPolicy", "layoutPolicy", "contentDisposition", "actions"}
# Lists that Nexus keeps as sets.
SETS = {"actions", "privileges", "roles", "externalRoles", "policyNames", "repositories", "nonProxyHosts"}
# What goes with a secret: a PUT without it is refused, or empties it.
COMPANIONS = (("username", "password"), ("authUsername", "authPassword"), ("accessKeyId", "secretAccessKey"))


def differences(actual, wanted, at=""):
    """Dotted names of what `wanted` names and `actual` does not have so; "" is the whole. Write-only values are left out."""
    if isinstance(wanted, dict):
        given = _with_aliases(actual) if isinstance(actual, dict) else {}
        found = []
        for name, value in wanted.items():
            if name not in WRITE_ONLY:
                found += differences(given.get(name), value, "%s.%s" % (at, name) if at else name)
        return found
    if isinstance(wanted, list):
        return [] if _same_list(actual, wanted, at) else [at]
    return [] if not isinstance(actual, (dict, list)) and _plain(at, actual) == _plain(at, wanted) else [at]


def merged(wanted, actual):
    """The body of a PUT, which replaces the whole: what is there, with what is wanted over it."""
    if not isinstance(wanted, dict) or not isinstance(actual, dict):
        return wanted
    body = {**actual, **{name: merged(value, actual.get(name)) for name, value in wanted.items()}}
    for request, answer in ALIASES:
        for name in (request, answer):
            if name in wanted:
                body[request] = body[answer] = wanted[name]
        if answer in body and request not in body:
            body[request] = body[answer]
    return body


def needed_secrets(body, wanted, at=""):
    """Dotted names of the write-only values that this PUT needs and `wanted` does not name."""
    if not isinstance(body, dict):
        return []
    named = wanted if isinstance(wanted, dict) else {}
    found = []
    for companion, secret in COMPANIONS:
        if body.get(companion) and secret not in named:
            found.append("%s.%s" % (at, secret) if at else secret)
    if body.get("type") == "bearerToken" and "bearerToken" not in named:
        found.append("%s.bearerToken" % at if at else "bearerToken")
    if body.get("authenticationMethod") == "ACCOUNTKEY" and "accountKey" not in named:
        found.append("%s.accountKey" % at if at else "accountKey")
    for name, value in body.items():
        found += needed_secrets(value, named.get(name), "%s.%s" % (at, name) if at else name)
    return found


def secrets_of(value, secret=False):
    """All texts below write-only names: what no message may have."""
    if isinstance(value, dict):
        return [text for name, below in value.items() for text in secrets_of(below, secret or name in WRITE_ONLY)]
    if isinstance(value, list):
        return [text for below in value for text in secrets_of(below, secret)]
    return [value] if secret and isinstance(value, str) and value else []


def _with_aliases(actual):
    given = dict(actual)
    for request, answer in ALIASES:
        value = given.get(answer) if given.get(answer) is not None else given.get(request)
        if answer in given or request in given:
            given[request] = given[answer] = value
    return given


def _same_list(actual, wanted, at):
    if actual is None:
        return not wanted
    if not isinstance(actual, list) or len(actual) != len(wanted):
        return False
    if any(isinstance(one, (dict, list)) for one in wanted):
        return not any(differences(there, one) for there, one in zip(actual, wanted))
    there, here = [_plain(at, one) for one in actual], [_plain(at, one) for one in wanted]
    return sorted(there) == sorted(here) if _last(at) in SETS else there == here


def _plain(at, value):
    """A port may be a text and a property a number: they are the same where they read the same. Nothing is an empty text."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.casefold() if _last(at) in ENUMS else text


def _last(at):
    return at.rpartition(".")[2]
