# SPDX-License-Identifier: Apache-2.0
"""Which REST calls what is wanted of Nexus takes, in the order in which things depend on each other. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse

from ansible.module_utils.nexus_compare import differences, merged, needed_secrets

# In paths the format maven2 is called maven.
PATHS = {"maven2": "maven"}
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS.update({"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40})
# What a new installation comes with.
DEFAULT_REPOSITORIES = (
    "maven-central",
    "maven-releases",
    "maven-snapshots",
    "nuget-hosted",
    "nuget.org-proxy",
    "maven-public",
    "nuget-group",
)


class Wish:
    """One thing that Nexus shall have, or shall not have."""

    def __init__(self, label, read, settings, **more):
        self.label, self.read, self.settings = label, read, settings
        # Where it is posted when it is not there; None: it is always there. What is posted, when it is not `settings`.
        self.create, self.new = more.get("create"), more.get("new", settings)
        self.update, self.remove = more.get("update", read), more.get("remove", read)
        self.absent, self.find, self.text = more.get("absent", False), more.get("find"), more.get("text")
        self.method, self.body_of = more.get("method", "PUT"), more.get("body_of")
        # A release that does not know this path has nothing to be asked for.
        self.optional = more.get("optional", False)
        self.password, self.guard = more.get("password"), more.get("guard")

    def found(self, answer):
        """What is there, of the answer to `read`; None when it is not."""
        return self.find(self, answer) if self.find else answer

    def differs(self, actual):
        return differences(actual, self.settings)

    def body(self, actual):
        return self.body_of(self, actual) if self.body_of else merged(self.settings, actual)

    def unnamed_secrets(self, actual):
        guarded = self.guard(self) if self.guard else []
        return guarded + needed_secrets(self.body(actual), self.settings)


def wishes(wanted):
    """[Wish], what is to be removed at the end and in reverse."""
    found = []
    for kind in KINDS:
        found += kind(wanted)
    removed = [wish for wish in found if wish.absent]
    return [wish for wish in found if not wish.absent] + removed[::-1]


def problems(wanted):
    """What is wrong before anything is asked."""
    found = []
    for kind, needs in NEEDS.items():
        seen = set()
        for place, item in enumerate(wanted.get(kind) or []):
            where = "nexus_%s[%d]" % (kind, place)
            absent = isinstance(item, dict) and item.get("state") == "absent"
            missing = [name for name in (needs[:1] if absent else needs) if (item or {}).get(name) in (None, "")]
            if missing:
                found.append("%s has no %s" % (where, " and no ".join(missing)))
                continue
            if item.get("state", "present") not in ("present", "absent"):
                found.append("%s: state is present or absent, not %s" % (where, item["state"]))
            if str(item[needs[0]]).lower() in seen:
                found.append("%s: %s is there twice" % (where, item[needs[0]]))
            seen.add(str(item[needs[0]]).lower())
    for store in wanted.get("blob_stores") or []:
        limit = ((store or {}).get("softQuota") or {}).get("limit")
        if limit is not None and size(limit) is None:
            found.append("softQuota.limit is a number of bytes or a text such as 500 GiB, not %s" % limit)
    return found


def size(value):
    """Bytes of 500000000, "500 MB" or "500 MiB"; None when it is none of them."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?B|B|)", str(value).strip())
    return int(float(match.group(1)) * UNITS[match.group(2)]) if match else None


def fingerprint(pem):
    """The name that the trust store gives a certificate."""
    body = re.sub(r"-----[^-]*-----|\s", "", pem)
    digest = hashlib.sha1(base64.b64decode(body)).hexdigest().upper()
    return ":".join(digest[place : place + 2] for place in range(0, 40, 2))


def _quoted(name):
    return urllib.parse.quote(str(name), safe="")


def _without(item, *names):
    return {name: value for name, value in item.items() if name not in ("state", *names)}


def _gone(item):
    return item.get("state") == "absent"


def _single(label, path, settings, **more):
    return [] if settings is None or settings == {} else [Wish(label, path, settings, **more)]


def _singles(wanted):
    found = _single("realms", "/security/realms/active", wanted.get("realms"))
    anonymous = wanted.get("anonymous")
    found += _single("anonymous access", "/security/anonymous", None if anonymous is None else {"enabled": bool(anonymous)})
    if wanted.get("accept_eula"):
        accepted = {"accepted": True}
        found += _single("licence", "/system/eula", accepted, method="POST", optional=True)
    found += _single("e-mail", "/email", wanted.get("email"))
    found += _single("outbound proxy", "/http", wanted.get("http_proxy"))
    for item in wanted.get("settings") or []:
        found += _single("setting " + item["path"], item["path"], item.get("settings"))
    return found


def _named(kind, label, path, key):
    def make(wanted):
        found = []
        for item in wanted.get(kind) or []:
            place = "%s/%s" % (path, _quoted(item[key]))
            found.append(
                Wish("%s %s" % (label, item[key]), place, _without(item), create=path, absent=_gone(item))
            )
        return found

    return make


def _certificates(wanted):
    def find(wish, answer):
        return next((one for one in answer if one.get("id") == wish.settings["id"]), None)

    found, path = [], "/security/ssl/truststore"
    for pem in wanted.get("trusted_certificates") or []:
        name = fingerprint(pem)
        place = "%s/%s" % (path, _quoted(name))
        found.append(
            Wish("trusted certificate " + name, path, {"id": name}, create=path, find=find, text=pem, remove=place)
        )
    return found


def _blob_stores(wanted):
    found = []
    for item in wanted.get("blob_stores") or []:
        path = "/blobstores/%s" % item.get("type", "file")
        # Its name is in its address only.
        settings = _without(item, "type", "name")
        quota = settings.get("softQuota")
        if quota and quota.get("limit") is not None:
            settings["softQuota"] = {**quota, "limit": size(quota["limit"])}
        name = _quoted(item["name"])
        more = {"create": path, "new": {**settings, "name": item["name"]}, "absent": _gone(item)}
        read = "%s/%s" % (path, name)
        found.append(Wish("blob store %s" % item["name"], read, settings, remove="/blobstores/" + name, **more))
    return found


def _repositories(wanted):
    asked = list(wanted.get("repositories") or [])
    if wanted.get("remove_default_repositories"):
        named = {item["name"] for item in asked}
        asked += [{"name": name, "state": "absent"} for name in DEFAULT_REPOSITORIES if name not in named]
    # A group after its members; Python keeps the order of groups among themselves.
    asked.sort(key=lambda item: item.get("type") == "group")
    return [_repository(item) for item in asked]


def _repository(item):
    any_path = "/repositories/" + _quoted(item["name"])
    if _gone(item):
        return Wish("repository %s" % item["name"], any_path, {}, absent=True)
    form, kind = item["format"], item["type"]
    path = "/repositories/%s/%s" % (PATHS.get(form, form), kind)
    # A PUT without them takes the signing key away, and an answer does not say whether there is one.
    signed = [("aptSigning", "keypair"), ("aptSigning", "passphrase")] if (form, kind) == ("apt", "hosted") else []

    def guard(wish):
        named = wish.settings.get("aptSigning", {}) or {}
        explicit = "aptSigning" in wish.settings and wish.settings["aptSigning"] is None
        return [] if explicit else ["%s.%s" % pair for pair in signed if pair[1] not in named]

    read = "%s/%s" % (path, _quoted(item["name"]))
    more = {"create": path, "remove": any_path, "guard": guard}
    return Wish("repository %s" % item["name"], read, _without(item, "format", "type"), **more)


def _privileges(wanted):
    found, path = [], "/security/privileges"
    for item in wanted.get("privileges") or []:
        name = _quoted(item["name"])
        of_kind = "%s/%s" % (path, item.get("type", ""))
        more = {"create": of_kind, "update": "%s/%s" % (of_kind, name), "absent": _gone(item)}
        found.append(
            Wish("privilege %s" % item["name"], "%s/%s" % (path, name), _without(item, "type"), **more)
        )
    return found


def _users(wanted):
    def find(wish, answer):
        """The question finds all whose name begins so."""
        same = [one for one in answer if one["userId"] == wish.settings["userId"]]
        return next((one for one in same if one.get("source") == "default"), None)

    found, path = [], "/security/users"
    for item in wanted.get("users") or []:
        name = _quoted(item["userId"])
        settings = {"status": "active", **_without(item, "password")}
        more = {"find": find, "create": path, "absent": _gone(item), "password": item.get("password")}
        more.update(update="%s/%s" % (path, name), remove="%s/%s" % (path, name))
        new = {**settings, "password": item.get("password")}
        found.append(Wish("user %s" % item["userId"], "%s?userId=%s" % (path, name), settings, new=new, **more))
    return found


def _capabilities(wanted):
    def find(wish, answer):
        actual = next((one for one in answer if one.get("type") == wish.settings["type"]), None)
        if actual:
            wish.update = wish.remove = "/capabilities/%s" % _quoted(actual["id"])
        return actual

    asked = [{"enabled": True, "notes": "", **item} for item in wanted.get("capabilities") or []]
    if wanted.get("base_url"):
        asked.append({"type": "baseurl", "enabled": True, "notes": "", "properties": {"url": wanted["base_url"]}})
    return [
        Wish("capability " + item["type"], "/capabilities", _without(item), create="/capabilities", find=find, absent=_gone(item))
        for item in asked
    ]


def _tasks(wanted):
    """An answer has the frequency's values beside the others, and older releases give less back than they take."""

    def find(wish, answer):
        same = (one for one in answer.get("items", []) if one.get("name") == wish.new["name"])
        actual = next((one for one in same if one.get("type") == wish.new["type"]), None)
        if actual:
            wish.update = wish.remove = "/tasks/%s" % _quoted(actual["id"])
            wish.settings = {name: value for name, value in _flat(wish.new).items() if name in actual}
        return actual

    def body_of(wish, _actual):
        return _without(wish.new, "type")

    found = []
    for item in wanted.get("tasks") or []:
        new = {"enabled": True, "notificationCondition": "FAILURE", **_without(item)}
        more = {"create": "/tasks", "new": new, "find": find, "body_of": body_of, "absent": _gone(item)}
        found.append(Wish("task %s" % item["name"], "/tasks", _flat(new), **more))
    return found


def _flat(task):
    # The time of a start is another text in each answer.
    frequency = {name: value for name, value in (task.get("frequency") or {}).items() if name != "startDate"}
    return {**{name: value for name, value in task.items() if name != "frequency"}, **frequency}


KINDS = (
    _singles,
    _certificates,
    _named("ldap_servers", "LDAP server", "/security/ldap", "name"),
    _blob_stores,
    _named("cleanup_policies", "cleanup policy", "/cleanup-policies", "name"),
    _named("routing_rules", "routing rule", "/routing-rules", "name"),
    _repositories,
    _named("content_selectors", "content selector", "/security/content-selectors", "name"),
    _privileges,
    _named("roles", "role", "/security/roles", "id"),
    _users,
    _capabilities,
    _tasks,
)
# What each must have, what names it first.
NEEDS = {
    "ldap_servers": ("name",),
    "blob_stores": ("name",),
    "cleanup_policies": ("name", "format"),
    "routing_rules": ("name", "mode", "matchers"),
    "repositories": ("name", "format", "type"),
    "content_selectors": ("name", "expression"),
    "privileges": ("name", "type"),
    "roles": ("id", "name"),
    "users": ("userId",),
    "capabilities": ("type",),
    "tasks": ("name", "type", "frequency"),
    "settings": ("path",),
}
