"""A repository as Nexus answers it, and what it finds wrong with one. Pure."""

ENUMS = {"versionPolicy": ("RELEASE", "SNAPSHOT", "MIXED"), "layoutPolicy": ("STRICT", "PERMISSIVE")}
NOTHING = {"retries": None, "userAgentSuffix": None, "timeout": None}
CONNECTION = {**NOTHING, "enableCircularRedirects": False, "enableCookies": False, "useTrustStore": False}


def shown(form, kind, wanted):
    """As a GET answers what was posted."""
    result = {"cleanup": None, **wanted, "format": form, "type": kind, "url": "http://127.0.0.1/repository/" + wanted["name"]}
    if kind != "group":
        result["storage"] = {"writePolicy": "ALLOW", **result["storage"]}
    if form == "maven2" and kind != "group":
        result["maven"] = {"versionPolicy": "RELEASE", "layoutPolicy": "STRICT", "contentDisposition": None, **result.get("maven", {})}
    if kind == "proxy":
        client = {"connection": CONNECTION, "authentication": None, **result.get("httpClient", {})}
        if client["authentication"]:
            kept = {name: value for name, value in client["authentication"].items() if name not in ("password", "bearerToken")}
            client["authentication"] = {"preemptive": None, "ntlmHost": None, "ntlmDomain": None, **kept}
        result["httpClient"] = client
        # An answer calls it otherwise than a request, which does not know this name.
        result["routingRuleName"] = result.pop("routingRule", None)
    if form == "apt" and kind == "hosted":
        result["aptSigning"] = None
    return result


def invalid(state, form, kind, wanted):
    """What a 400 answers to a body; nothing when it is right."""
    if not {"name", "online", "storage"} <= set(wanted):
        return [{"id": "PARAMETER storage", "message": "must not be null"}]
    found = []
    if kind == "hosted" and wanted["storage"].get("writePolicy") is None:
        found.append({"id": "PARAMETER writePolicy", "message": "must not be null"})
    login = (wanted.get("httpClient") or {}).get("authentication")
    if login and not login.get("password"):
        place = "UsernameAuthenticationConfiguration.attributes[httpclient].authentication.password"
        found.append({"id": place, "message": "must not be blank"})
    for member in (wanted.get("group") or {}).get("memberNames", []):
        if member not in state["repositories"]:
            found.append({"id": "HelperBean.memberNames", "message": "Member repository does not exist: " + member})
    if (form, kind) == ("apt", "hosted") and "aptSigning" not in wanted:
        found.append({"id": "PARAMETER aptSigning", "message": "must not be null"})
    if found:
        return found
    for name, allowed in ENUMS.items():
        value = wanted.get("maven", {}).get(name)
        if value is not None and value.upper() not in allowed:
            words = '"Failed to validate facets; 1 failure: %s "%s": not one of the values accepted for Enum class: [%s]"'
            return {"id": "*", "message": words % (name, value, ", ".join(allowed))}
    return found
