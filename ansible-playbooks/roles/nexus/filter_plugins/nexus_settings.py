# SPDX-License-Identifier: Apache-2.0
"""What to ask Nexus for, and whether its answer differs from what is wanted. Pure."""

from __future__ import annotations

import urllib.parse

# Accepted, never given back: a change of nothing else is not seen.
WRITE_ONLY = {"password", "passphrase", "keypair", "bearerToken", "secretAccessKey"}
# In paths the format maven2 is called maven.
PATHS = {"maven2": "maven"}


def nexus_requests(realms, anonymous, blob_stores, repositories):
    """[{label, read, settings, create, new}] in the order in which they depend on each other.

    `read` answers 404 when `new` is to be posted to `create`; without `create` it always exists.
    """
    wanted = [{"label": "realms", "read": "/security/realms/active", "settings": list(realms)}]
    wanted.append(
        {"label": "anonymous access", "read": "/security/anonymous", "settings": {"enabled": bool(anonymous)}}
    )
    for store in blob_stores:
        path = "/blobstores/%s" % store.get("type", "file")
        # Its name is in its address only.
        settings = {name: value for name, value in store.items() if name not in ("type", "name")}
        wanted.append(_named("blob store", path, store["name"], settings))
    for repository in repositories:
        form = repository["format"]
        settings = {name: value for name, value in repository.items() if name not in ("format", "type")}
        path = "/repositories/%s/%s" % (PATHS.get(form, form), repository["type"])
        wanted.append(_named("repository", path, repository["name"], settings))
    return wanted


def nexus_differs(actual, wanted):
    """Whether something of `wanted` is not so in `actual`. Lists are compared whole: their order has a meaning."""
    if isinstance(wanted, dict):
        if not isinstance(actual, dict):
            return True
        return any(nexus_differs(actual.get(name), value) for name, value in wanted.items() if name not in WRITE_ONLY)
    if isinstance(wanted, list):
        return list(actual or []) != list(wanted)
    return actual != wanted


def nexus_merged(wanted, actual):
    """The body of a PUT, which replaces the whole: what is there, with what is wanted over it."""
    if not isinstance(wanted, dict) or not isinstance(actual, dict):
        return wanted
    return {**actual, **{name: nexus_merged(value, actual.get(name)) for name, value in wanted.items()}}


def nexus_jdbc_url(host, port, database):
    """Where PostgreSQL's driver for Java finds a database."""
    place = "[%s]" % host if ":" in host else host
    return "jdbc:postgresql://%s:%s/%s" % (place, port, urllib.parse.quote(database, safe=""))


def nexus_property(value):
    """A value for java.util.Properties: ISO 8859-1, a backslash before what has a meaning, no blank at the start."""
    units = [int.from_bytes(pair, "big") for pair in _pairs(str(value).encode("utf-16-be"))]
    plain = "".join(_plain(chr(unit)) if 32 <= unit < 127 else "\\u%04x" % unit for unit in units)
    return "\\" + plain if plain.startswith(" ") else plain


def _plain(character):
    return "\\" + character if character in "\\=:#!" else character


def _pairs(content):
    return [content[place : place + 2] for place in range(0, len(content), 2)]


def _named(kind, path, name, settings):
    new = {**settings, "name": name}
    return {
        "label": "%s %s" % (kind, name),
        "read": "%s/%s" % (path, name),
        "settings": settings,
        "create": path,
        "new": new,
    }


FILTERS = (nexus_requests, nexus_differs, nexus_merged, nexus_jdbc_url, nexus_property)


class FilterModule:
    """For Ansible."""

    def filters(self):
        return {function.__name__: function for function in FILTERS}
