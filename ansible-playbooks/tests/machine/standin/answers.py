"""What Nexus Repository 3.71.0-06 answers, seen with a real one: the calls that the role makes. Pure, but for `state`.

Where a release since then has more (capabilities, tasks, cleanup policies, outbound proxy, licence), the vendor's description
says how, and `state["newer"]` switches it on."""

import base64
import hashlib
import json
import re
import urllib.parse

from repositories import invalid, shown

REALMS = ["DefaultRole", "NexusAuthenticatingRealm"]
DISCLAIMER = "Use of Sonatype Nexus Repository - Community Edition is governed by the End User License Agreement at ..."


def new():
    """A new installation."""
    hosted = {"blobStoreName": "default", "strictContentTypeValidation": False, "writePolicy": "ALLOW_ONCE"}
    members = ["maven-releases", "maven-snapshots", "maven-central"]
    state = {
        "realms": ["NexusAuthenticatingRealm"],
        "anonymous": {"enabled": True, "userId": "anonymous", "realmName": "NexusAuthorizingRealm"},
        "email": {"enabled": False, "host": "localhost", "port": 25, "username": None, "password": None},
        "http": {"userAgent": None, "timeout": 20, "retries": 2, "httpProxy": None, "httpsProxy": None},
        "eula": False,
        "stores": {"default": {"softQuota": None, "path": "default"}},
        "repositories": {},
        "named": {kind: {} for kind in NAMED},
        "privileges": {"nx-search-read": {"type": "application", "name": "nx-search-read", "readOnly": True}},
        "users": {},
        "passwords": {},
        "certificates": {},
        "capabilities": {},
        "tasks": {},
        "newer": False,
    }
    state["named"]["/security/roles"].update({name: {"id": name, "name": name} for name in ("nx-admin", "nx-anonymous")})
    remote = {"remoteUrl": "https://repo1.maven.org/maven2/", "contentMaxAge": -1, "metadataMaxAge": 1440}
    for name, kind, more in (
        ("maven-releases", "hosted", {"storage": hosted}),
        ("maven-snapshots", "hosted", {"storage": hosted}),
        ("maven-central", "proxy", {"storage": hosted, "proxy": remote, "httpClient": {"blocked": False, "autoBlock": False}}),
        ("maven-public", "group", {"storage": hosted, "group": {"memberNames": members}}),
    ):
        state["repositories"][name] = shown("maven2", kind, {"name": name, "online": True, **more})
    return state


def who(state, authorization):
    """The user that an Authorization header logs in; None: nobody."""
    known = {"admin": state["password"], **state["passwords"]}
    for name, password in known.items():
        if authorization == "Basic " + base64.b64encode(("%s:%s" % (name, password)).encode()).decode():
            return name
    return None


def answer(state, method, path, body):
    """(status, value)."""
    bare, _, query = path.partition("?")
    for pattern, call, newer in ROUTES:
        found = re.fullmatch(pattern, bare)
        if found and (state["newer"] or not newer):
            wanted = body.decode() if call in (password, certificates) else json.loads(body) if body else None
            return call(state, method, wanted, *(urllib.parse.unquote(part) for part in found.groups()), *([query] if call is users else []))
    return 404, None


def refusal(words, name="*"):
    return 400, {"id": name, "message": '"%s"' % words} if name == "*" else [{"id": name, "message": words}]


def missing(words):
    return 404, {"id": "*", "message": '"%s"' % words}


def password(state, method, body, name):
    if name == "admin":
        state["password"] = body
    elif name not in state["users"]:
        return missing("User '%s' not found." % name)
    elif not body:
        return refusal("Password must be supplied.")
    else:
        state["passwords"][name] = body
    return 204, None


def eula(state, method, body):
    if method == "POST":
        if body.get("disclaimer") != DISCLAIMER:
            return 400, None
        state["eula"] = body["accepted"]
        return 204, None
    return 200, {"disclaimer": DISCLAIMER, "accepted": state["eula"]}


def realms(state, method, body):
    if method == "PUT":
        unknown = [one for one in body if one not in REALMS]
        if unknown:
            return 400, "ValidationErrorXO{id='*', message='\"Unknown realmIds: [%s]\"'}" % ", ".join(unknown)
        state["realms"] = body
        return 204, None
    return 200, state["realms"]


def whole(name, status):
    def call(state, method, body):
        if method == "PUT":
            state[name] = {**body, **({"password": None} if "password" in body else {})}
            return status, (state[name] if status == 200 else None)
        return 200, state[name]

    return call


def file_stores(state, method, body, name=None):
    if method == "POST":
        name = body.pop("name")
        if name.lower() in (known.lower() for known in state["stores"]):
            return refusal("Name is already used, must be unique (ignoring case)", "name")
    elif name not in state["stores"]:
        return missing("Unable to find File '%s' blobstore" % name)
    elif method == "GET":
        return 200, state["stores"][name]
    if body["path"].startswith("/proc/"):
        return refusal("Blob store could not be written because the path %s could not be written to" % body["path"])
    state["stores"][name] = {"softQuota": body.get("softQuota"), "path": body["path"]}
    return 204, None


def remove_store(state, method, body, name):
    if name not in state["stores"]:
        return missing("Unable to find  '%s' blobstore" % name)
    if any(one["storage"]["blobStoreName"] == name for one in state["repositories"].values()):
        return refusal("BlobStore %s is in use and cannot be deleted" % name)
    del state["stores"][name]
    return 204, None


def repositories(state, method, body, form, kind, name=None):
    form = "maven2" if form == "maven" else form
    if form not in ("maven2", "raw", "apt") and not state["newer"]:
        return 404, None
    there = state["repositories"].get(name)
    if method == "GET":
        fits = there and (there["format"], there["type"]) == (form, kind)
        return (200, there) if fits else missing("Repository not found")
    wrong = invalid(state, form, kind, body)
    if wrong:
        return 400, wrong
    if body["storage"]["blobStoreName"] not in state["stores"]:
        return refusal("Blob store not found")
    if method == "POST" and body["name"] in state["repositories"]:
        return refusal("Duplicate key")
    if method == "PUT" and name != body["name"]:
        return refusal("Renaming a repository is not supported")
    known = {key: value for key, value in body.items() if key != "routingRuleName"}
    state["repositories"][body["name"]] = shown(form, kind, known)
    return (201 if method == "POST" else 204), None


def repository(state, method, body, name):
    if name not in state["repositories"]:
        return 404, None
    if method == "DELETE":
        del state["repositories"][name]
        return 204, None
    return 200, {key: state["repositories"][name][key] for key in ("name", "format", "type", "url")}


def named(path):
    key, words, created = NAMED[path]

    def call(state, method, body, name=None):
        known = state["named"][path]
        if method == "POST":
            if body[key] in known:
                return refusal("A %s with the same name already exists. Name must be unique." % words, "name")
            wrong = check_role(state, body) if path == "/security/roles" else None
            if wrong:
                return wrong
            known[body[key]] = body
            return created, (body if created == 200 else None)
        if name not in known:
            return missing(MISSING.get(path, "%s not found: '%%s'" % words) % name)
        if method == "GET":
            return 200, known[name]
        if method == "DELETE":
            if path == "/routing-rules" and any(one.get("routingRuleName") == name for one in state["repositories"].values()):
                return refusal("Routing rule is still in use by 1 repositories.")
            del known[name]
            return 204, None
        if path == "/routing-rules" and body.get("description") is None:
            return refusal("A non-null value must be specified", "description")
        known[name] = {key: name, **{field: value for field, value in body.items() if not field.startswith("authPass")}}
        return 204, None

    return call


def check_role(state, body):
    for name in body.get("privileges", []):
        if name not in state["privileges"]:
            return refusal("Privilege '%s' contained in role '%s' not found." % (name, body["id"]))
    return None


def any_privilege(state, method, body, name):
    if name not in state["privileges"]:
        return missing("Privilege '%s' not found." % name)
    if method == "DELETE":
        del state["privileges"][name]
        return 204, None
    return 200, state["privileges"][name]


def privileges(state, method, body, kind, name=None):
    if method == "POST" and body["name"] in state["privileges"]:
        return refusal("Privilege '%s' already exists, use a unique name." % body["name"])
    actions = {"actions": [one.upper() for one in body["actions"]]} if "actions" in body else {}
    state["privileges"][body["name"]] = {"type": kind, "readOnly": False, **body, **actions}
    return (201 if method == "POST" else 204), None


def users(state, method, body, name=None, query=None):
    if query is None:
        name, query = None, name
    if method == "GET":
        begins = urllib.parse.parse_qs(query).get("userId", [""])[0]
        return 200, [user for user in state["users"].values() if user["userId"].startswith(begins)]
    if method == "DELETE":
        return (204, None) if state["users"].pop(name, None) else missing("User '%s' not found." % name)
    if method == "POST" and not body.get("password"):
        return refusal("must not be empty", "PARAMETER password")
    if method == "POST" and body["userId"] in state["users"]:
        return 500, "ERROR: (ID x) DuplicateUserException: User %s already exists." % body["userId"]
    if method == "PUT" and not body.get("source"):
        return refusal("must not be blank", "PARAMETER source")
    if method == "PUT" and name != body["userId"]:
        return refusal("The path's userId does not match the body")
    known = state["named"]["/security/roles"]
    unknown = [role for role in body.get("roles", []) if role not in known]
    if unknown and method == "PUT":
        return refusal("Unable to locate roleId: " + unknown[0], "roles")
    if method == "POST":
        state["passwords"][body["userId"]] = body.pop("password")
    # It takes a user with roles that there are not, and leaves these out.
    kept = [role for role in body.get("roles", []) if role in known]
    user = {"readOnly": False, "externalRoles": [], **body, "source": "default", "roles": kept}
    state["users"][user["userId"]] = user
    return (200, user) if method == "POST" else (204, None)


def certificates(state, method, body, name=None):
    if method == "DELETE":
        return (204, None) if state["certificates"].pop(name, None) else (404, None)
    if method == "GET":
        return 200, list(state["certificates"].values())
    raw = base64.b64decode(re.sub(r"-----[^-]*-----|\s", "", body))
    digest = hashlib.sha1(raw).hexdigest().upper()
    name = ":".join(digest[place : place + 2] for place in range(0, 40, 2))
    if name in state["certificates"]:
        return 409, {"id": "*", "message": "\"A certificate already exists with the id: '%s'.\"" % name}
    state["certificates"][name] = {"id": name, "fingerprint": name, "pem": body}
    return 201, state["certificates"][name]


def capabilities(state, method, body, name=None):
    if method == "GET":
        return 200, list(state["capabilities"].values())
    if method == "DELETE":
        return (204, None) if state["capabilities"].pop(name, None) else (404, None)
    name = name or "%016x" % len(state["capabilities"])
    state["capabilities"][name] = {**body, "id": name, "state": "ok", "active": True}
    return (201, state["capabilities"][name]) if method == "POST" else (204, None)


def tasks(state, method, body, name=None):
    if method == "GET":
        return 200, {"items": list(state["tasks"].values()), "continuationToken": None}
    if method == "DELETE":
        return (204, None) if state["tasks"].pop(name, None) else (404, None)
    name = name or "%08x" % len(state["tasks"])
    frequency = {key: value for key, value in body["frequency"].items() if key != "startDate"}
    flat = {key: value for key, value in body.items() if key not in ("frequency", "properties")}
    state["tasks"][name] = {**state["tasks"].get(name, {}), **flat, **frequency, "id": name, "currentState": "WAITING"}
    return (201, state["tasks"][name]) if method == "POST" else (204, None)


# path: what names one, what it is called, how a POST is answered
NAMED = {
    "/routing-rules": ("name", "routing rule", 204),
    "/cleanup-policies": ("name", "cleanup policy", 201),
    "/security/content-selectors": ("name", "selector", 204),
    "/security/roles": ("id", "role", 200),
    "/security/ldap": ("name", "LDAP server", 201),
}
MISSING = {
    "/routing-rules": "Did not find a routing rule with the name '%s'",
    "/security/content-selectors": "No selector found for %s",
    "/security/roles": "Role '%s' not found.",
}
NEWER = ("/cleanup-policies", "/security/ldap")
# pattern, function, whether 3.71.0-06 does not have it
ROUTES = (
    ("/security/users/([^/]+)/change-password", password, False),
    ("/system/eula", eula, True),
    ("/security/realms/active", realms, False),
    ("/security/anonymous", whole("anonymous", 200), False),
    ("/email", whole("email", 204), False),
    ("/http", whole("http", 204), True),
    ("/blobstores/file", file_stores, False),
    ("/blobstores/file/([^/]+)", file_stores, False),
    ("/blobstores/([^/]+)", remove_store, False),
    ("/repositories/([^/]+)", repository, False),
    ("/repositories/([^/]+)/([^/]+)", repositories, False),
    ("/repositories/([^/]+)/([^/]+)/([^/]+)", repositories, False),
    *((path, named(path), path in NEWER) for path in NAMED),
    *((path + "/([^/]+)", named(path), path in NEWER) for path in NAMED),
    ("/security/privileges/([^/]+)/([^/]+)", privileges, False),
    (
        "/security/privileges/(application|repository-admin|repository-content-selector|repository-view|script|wildcard)",
        privileges,
        False,
    ),
    ("/security/privileges/([^/]+)", any_privilege, False),
    ("/security/users", users, False),
    ("/security/users/([^/]+)", users, False),
    ("/security/ssl/truststore", certificates, False),
    ("/security/ssl/truststore/([^/]+)", certificates, False),
    ("/capabilities", capabilities, True),
    ("/capabilities/([^/]+)", capabilities, True),
    ("/tasks", tasks, True),
    ("/tasks/([^/]+)", tasks, True),
)
