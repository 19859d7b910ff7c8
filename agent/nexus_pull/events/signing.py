"""Standard Webhooks: what proves that an event is this VM's. Pure."""

import base64
import hashlib
import hmac


def signature(key, message_id, timestamp, body):
    """`key` is the secret's 64 ASCII characters themselves, not what they encode (contract/vectors/keys.json)."""
    signed = b"%s.%d." % (message_id.encode("ascii"), timestamp) + body
    return "v1," + base64.b64encode(hmac.new(key.encode("ascii"), signed, hashlib.sha256).digest()).decode()


def headers(key, message_id, timestamp, body):
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, message_id, timestamp, body),
    }
