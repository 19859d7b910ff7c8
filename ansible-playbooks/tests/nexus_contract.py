"""What the role relies on of Nexus' REST API, as calls and answers: run over a real server and over the stand-in alike.

Each: what it is about, method, path, body, status, and what the answer has (a part of a dict, of the first of a list, or of a
text). In an order in which each builds on those before; the last ones take away what the first made."""

PROXY = {
    "name": "c-proxy",
    "online": True,
    "storage": {"blobStoreName": "c-store", "strictContentTypeValidation": True},
    "proxy": {"remoteUrl": "https://repo.example/maven2/", "contentMaxAge": -1, "metadataMaxAge": 1440},
    "negativeCache": {"enabled": True, "timeToLive": 1440},
    "httpClient": {
        "blocked": False,
        "autoBlock": True,
        "authentication": {"type": "username", "username": "u", "password": "p"},
    },
    "maven": {"versionPolicy": "RELEASE", "layoutPolicy": "PERMISSIVE"},
    "routingRule": "c-rule",
}
WITHOUT_PASSWORD = {**PROXY, "httpClient": {**PROXY["httpClient"], "authentication": {"type": "username", "username": "u"}}}
NAMED_AS_ANSWERED = {**{name: value for name, value in PROXY.items() if name != "routingRule"}, "routingRuleName": "c-rule"}
HOSTED = {"name": "c-hosted", "online": True, "storage": {"blobStoreName": "c-store", "strictContentTypeValidation": True}}
WRITABLE = {**HOSTED, "storage": {**HOSTED["storage"], "writePolicy": "allow_once"}}
GROUP = {"name": "c-group", "online": True, "storage": HOSTED["storage"], "group": {"memberNames": ["c-none"]}}
USER = {
    "userId": "c-user",
    "firstName": "C",
    "lastName": "I",
    "emailAddress": "c@example.org",
    "status": "active",
    "roles": ["c-none", "nx-anonymous"],
}
RULE = {"name": "c-rule", "description": "d", "mode": "BLOCK", "matchers": ["^/x/.*"]}
VIEW = {"name": "c-view", "description": "", "actions": ["read", "browse"], "format": "maven2", "repository": "*"}
ROLE = {"id": "c-role", "name": "C", "description": "", "privileges": ["c-view"], "roles": []}
MAVEN, ROLES, USERS = "/v1/repositories/maven", "/v1/security/roles", "/v1/security/users"

CASES = (
    ("a new one has a realm", "GET", "/v1/security/realms/active", None, 200, ["NexusAuthenticatingRealm"]),
    ("an unknown realm", "PUT", "/v1/security/realms/active", ["Nope"], 400, "Unknown realmIds: [Nope]"),
    ("anonymous access", "GET", "/v1/security/anonymous", None, 200, {"userId": "anonymous"}),
    ("no licence to accept", "GET", "/v1/system/eula", None, 404, None),
    ("no capabilities", "GET", "/v1/capabilities", None, 404, None),
    ("no cleanup policies", "GET", "/v1/cleanup-policies/x", None, 404, None),
    ("no outbound proxy", "GET", "/v1/http", None, 404, None),
    ("a blob store that is not there", "GET", "/v1/blobstores/file/c-store", None, 404, {"id": "*"}),
    (
        "a quota is in bytes",
        "POST",
        "/v1/blobstores/file",
        {"name": "c-store", "path": "c-store", "softQuota": {"type": "spaceUsedQuota", "limit": 1000000}},
        204,
        None,
    ),
    ("and given back so", "GET", "/v1/blobstores/file/c-store", None, 200, {"softQuota": {"type": "spaceUsedQuota", "limit": 1000000}}),
    ("a name twice", "POST", "/v1/blobstores/file", {"name": "C-Store", "path": "x"}, 400, {"id": "name"}),
    ("a PUT replaces", "PUT", "/v1/blobstores/file/c-store", {"path": "c-store"}, 204, None),
    ("all of it", "GET", "/v1/blobstores/file/c-store", None, 200, {"softQuota": None, "path": "c-store"}),
    ("a blank in a name", "POST", "/v1/blobstores/file", {"name": "c d", "path": "c-d"}, 204, None),
    ("is quoted in its path", "GET", "/v1/blobstores/file/c%20d", None, 200, {"path": "c-d"}),
    ("a path that cannot be", "POST", "/v1/blobstores/file", {"name": "c-no", "path": "/proc/x/y"}, 400, {"id": "*"}),
    ("a rule", "POST", "/v1/routing-rules", RULE, 204, None),
    ("its answer", "GET", "/v1/routing-rules/c-rule", None, 200, RULE),
    ("a rule without description", "PUT", "/v1/routing-rules/c-rule", {**RULE, "description": None}, 400, {"id": "description"}),
    ("a rule that is not there", "GET", "/v1/routing-rules/c-none", None, 404, {"id": "*"}),
    ("a proxy", "POST", MAVEN + "/proxy", PROXY, 201, None),
    ("the rule has another name", "GET", MAVEN + "/proxy/c-proxy", None, 200, {"routingRuleName": "c-rule"}),
    ("the words of a default", "GET", MAVEN + "/proxy/c-proxy", None, 200, {"storage": {**PROXY["storage"], "writePolicy": "ALLOW"}}),
    ("no password is needed again?", "PUT", MAVEN + "/proxy/c-proxy", WITHOUT_PASSWORD, 400, "authentication.password"),
    ("the answer's name is taken", "PUT", MAVEN + "/proxy/c-proxy", NAMED_AS_ANSWERED, 204, None),
    ("and ignored", "GET", MAVEN + "/proxy/c-proxy", None, 200, {"routingRuleName": None}),
    ("a rule is set again", "PUT", MAVEN + "/proxy/c-proxy", PROXY, 204, None),
    ("and in use", "DELETE", "/v1/routing-rules/c-rule", None, 400, "in use"),
    ("of another type it is not there", "GET", MAVEN + "/hosted/c-proxy", None, 404, "not found"),
    ("of any type it is", "GET", "/v1/repositories/c-proxy", None, 200, {"format": "maven2", "type": "proxy"}),
    ("a name twice", "POST", MAVEN + "/proxy", PROXY, 400, {"id": "*"}),
    ("a member that is not there", "POST", MAVEN + "/group", GROUP, 400, "Member repository does not exist: c-none"),
    ("no storage", "POST", MAVEN + "/group", {"name": "c-x", "online": True, "group": {"memberNames": []}}, 400, "PARAMETER storage"),
    ("no blob store", "POST", MAVEN + "/proxy", {**PROXY, "name": "c-x", "storage": {**HOSTED["storage"], "blobStoreName": "c-none"}}, 400, {}),
    ("a hosted one needs a policy", "POST", MAVEN + "/hosted", {**HOSTED, "maven": {}}, 400, "PARAMETER writePolicy"),
    ("an enum's words", "POST", MAVEN + "/hosted", {**WRITABLE, "maven": {"versionPolicy": "SOMETIMES"}}, 400, "not one of the values accepted"),
    ("in other letters", "POST", MAVEN + "/hosted", {**WRITABLE, "maven": {"versionPolicy": "release"}}, 201, None),
    ("are kept as they came", "GET", MAVEN + "/hosted/c-hosted", None, 200, {"maven": {"versionPolicy": "release"}}),
    ("and go", "DELETE", "/v1/repositories/c-hosted", None, 204, None),
    ("an apt one needs a key", "POST", "/v1/repositories/apt/hosted", {**HOSTED, "apt": {"distribution": "x"}}, 400, "aptSigning"),
    ("a format that it does not have", "POST", "/v1/repositories/docker/hosted", HOSTED, 404, None),
    ("a selector", "POST", "/v1/security/content-selectors", {"name": "c-sel", "description": "", "expression": 'path =~ "/x"'}, 204, None),
    ("its answer", "GET", "/v1/security/content-selectors/c-sel", None, 200, {"name": "c-sel"}),
    ("a selector's PUT", "PUT", "/v1/security/content-selectors/c-sel", {"description": "e", "expression": 'path =~ "/y"'}, 204, None),
    ("a privilege", "POST", "/v1/security/privileges/repository-view", VIEW, 201, None),
    ("its words in capitals", "GET", "/v1/security/privileges/c-view", None, 200, {"type": "repository-view", "readOnly": False}),
    ("a privilege's PUT", "PUT", "/v1/security/privileges/repository-view/c-view", VIEW, 204, None),
    ("a role", "POST", ROLES, ROLE, 200, {"id": "c-role"}),
    ("a role without its privilege", "POST", ROLES, {**ROLE, "id": "c-2", "privileges": ["c-none"]}, 400, "not found"),
    ("a role that is not there", "GET", ROLES + "/c-none", None, 404, {"id": "*"}),
    ("a user without password", "POST", USERS, USER, 400, "password"),
    ("a user with a role that is not there is taken", "POST", USERS, {**USER, "password": "p"}, 200, {"userId": "c-user"}),
    ("and has not got it", "GET", USERS + "?userId=c-user", None, 200, [{"roles": ["nx-anonymous"], "source": "default"}]),
    ("a question finds what begins so", "GET", USERS + "?userId=c-us", None, 200, [{"userId": "c-user"}]),
    ("a PUT needs the source", "PUT", USERS + "/c-user", {**USER, "roles": ["c-role"]}, 400, "PARAMETER source"),
    ("a PUT with an unknown role", "PUT", USERS + "/c-user", {**USER, "source": "default"}, 400, "Unable to locate roleId: c-none"),
    ("a PUT", "PUT", USERS + "/c-user", {**USER, "source": "default", "roles": ["c-role"]}, 204, None),
    ("a password", "PUT", USERS + "/c-user/change-password", "new", 204, None),
    ("of nobody", "PUT", USERS + "/c-none/change-password", "new", 404, "not found"),
    ("a mail server's password is not given back", "GET", "/v1/email", None, 200, {"password": None}),
    ("no certificates", "GET", "/v1/security/ssl/truststore", None, 200, []),
    
    ("taking away", "DELETE", USERS + "/c-user", None, 204, None),
    ("twice", "DELETE", USERS + "/c-user", None, 404, None),
    ("a role", "DELETE", ROLES + "/c-role", None, 204, None),
    ("a privilege", "DELETE", "/v1/security/privileges/c-view", None, 204, None),
    ("a selector", "DELETE", "/v1/security/content-selectors/c-sel", None, 204, None),
    ("a blob store in use", "DELETE", "/v1/blobstores/c-store", None, 400, "in use"),
    ("a repository", "DELETE", "/v1/repositories/c-proxy", None, 204, None),
    ("twice", "DELETE", "/v1/repositories/c-proxy", None, 404, None),
    ("a rule", "DELETE", "/v1/routing-rules/c-rule", None, 204, None),
    ("a blob store", "DELETE", "/v1/blobstores/c-store", None, 204, None),
    ("one with a blank", "DELETE", "/v1/blobstores/c%20d", None, 204, None),
)


def disagreements(ask):
    """[text]: where a server answers otherwise. `ask` is (method, path, body, login) -> (status, value, headers)."""
    found = []
    for about, method, path, body, status, has in CASES:
        got, value, headers = ask(method, path, body)
        if got != status or not _has(value, has):
            found.append("%s: %s %s: %d %s, and not %d %s" % (about, method, path, got, str(value)[:300], status, has))
        if not headers.get("Server", "").startswith("Nexus/"):
            found.append("%s: Server is %s" % (path, headers.get("Server")))
    got, _, headers = ask("GET", "/v1/security/realms/active", None, ["admin", "no"])
    if got != 401:
        found.append("a wrong password is answered by %d" % got)
    return found


def _has(value, wanted):
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in (value if isinstance(value, str) else str(value))
    if isinstance(wanted, dict):
        value = value[0] if isinstance(value, list) and value else value
        return isinstance(value, dict) and all(name in value and _same(value[name], one) for name, one in wanted.items())
    if wanted and isinstance(wanted[0], dict):
        return bool(value) and _has(value[0], wanted[0])
    return value == wanted


def _same(value, wanted):
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(value.get(name) == one for name, one in wanted.items())
    return value == wanted
