"""One call of Nexus' REST API, from within the machine. Argument: JSON; prints JSON. No redirects to elsewhere."""

import base64
import json
import sys
import urllib.error
import urllib.request


def call(asked):
    url = "http://127.0.0.1:%d%s/service/rest%s" % (asked["port"], asked["context"], asked["path"])
    body = asked["body"]
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    request = urllib.request.Request(url, method=asked["method"], data=data)
    if data is not None:
        plain = isinstance(body, str) and "-----" not in body
        request.add_header("Content-Type", "text/plain" if plain else "application/json")
    if asked["login"]:
        login = base64.b64encode(":".join(asked["login"]).encode()).decode()
        request.add_header("Authorization", "Basic " + login)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(request, timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode("utf-8", "replace")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        return {"status": answer.status, "value": value, "headers": dict(answer.headers)}


if __name__ == "__main__":
    print(json.dumps(call(json.loads(sys.argv[1]))))
