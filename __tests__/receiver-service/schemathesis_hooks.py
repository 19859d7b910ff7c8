"""What POST /webhook is asked: the contract's events, and what is not one, each signed as a VM signs; and notes.

The schema of an event is more than the fuzzer can make values of, so its values are the contract's examples. Where the
fuzzer breaks a header of the signature, what it made is sent.
"""

import base64
import hashlib
import hmac
import json
import os
import time

import schemathesis

SIGNED = "application/cloudevents"
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def examples():
    with open(os.environ["EXAMPLES"], encoding="utf-8") as file:
        valid = json.load(file)["valid"]
    values = [one["value"] for one in valid if isinstance(one["value"], dict)]
    return [event for event in values if "stream" in event["data"] and not event["id"].startswith("receiver-")]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    events = examples()
    content = raw_schema["paths"]["/webhook"]["post"]["requestBody"]["content"]
    content["application/cloudevents+json"]["schema"] = {"enum": events}
    content["application/cloudevents-batch+json"]["schema"] = {"enum": [[event] for event in events]}


def id_of(body):
    """The event's, or a batch's; anything where the body has none."""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict) or not isinstance(first.get("id"), str):
        return "none"
    return "{}-{}".format(first["id"], first["data"]["seq"]) if isinstance(body, list) else first["id"]


def is_broken(case):
    components = case.meta.components if case.meta is not None else {}
    return any(name.value in ("header", "headers") and not info.mode.is_positive for name, info in components.items())


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path != "/webhook" or is_broken(case):
        return
    if not (case.media_type or "").startswith(SIGNED):
        for name in HEADERS:
            case.headers.pop(name, None)
        return
    # Said again with its keys in another order it would be another event of the same id.
    body = json.dumps(case.body, sort_keys=True).encode()
    name, stamp = id_of(case.body), str(int(time.time()))
    text = "{}.{}.".format(name, stamp).encode() + body
    mac = hmac.new(os.environ["VM_KEY"].encode(), text, hashlib.sha256).digest()
    kwargs["data"] = body
    case.headers.update(zip(HEADERS, (name, stamp, "v1," + base64.b64encode(mac).decode())))
