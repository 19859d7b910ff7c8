"""A receiver that keeps the contract, and a proxy in front of it that does what networks do."""

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import random
import threading
import time

TOLERANCE_S = 300


class Receiver:
    """Stores each event once, by its id; a batch is all or nothing. Answers as contract/rejections.json says."""

    def __init__(self, keys):
        self._keys = keys
        self._lock = threading.Lock()
        self.stored = {}
        self.order = []
        self.conflicts = []
        self.requests = self.duplicates = 0

    def answer(self, headers, body):
        """(status, body)."""
        try:
            value = json.loads(body.decode())
            found = value if isinstance(value, list) else [value]
            key = self._keys[found[0]["data"]["vm"]]
        except (ValueError, KeyError, TypeError):
            return 400, {"code": "body_malformed", "action": "set_aside"}
        signed = ("%s.%s." % (headers["webhook-id"], headers["webhook-timestamp"])).encode() + body
        mac = "v1," + base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(mac, headers["webhook-signature"]):
            return 401, {"code": "signature_invalid", "action": "retry"}
        if abs(time.time() - int(headers["webhook-timestamp"])) > TOLERANCE_S:
            return 401, {"code": "timestamp_too_old", "action": "retry"}
        with self._lock:
            return self._store(found)

    def _store(self, found):
        self.requests += 1
        known = [event for event in found if event["id"] in self.stored]
        different = [event for event in known if self.stored[event["id"]] != event]
        if different:
            self.conflicts += different
            return 409, {"code": "id_conflict", "action": "set_aside"}
        self.duplicates += len(known)
        for event in found:
            if event["id"] not in self.stored:
                self.stored[event["id"]] = event
                self.order.append(event)
        return 200, {"accepted": len(found) - len(known), "duplicates": len(known)}


class Faults:
    """What happens to a request, by one seeded die."""

    SHARES = (
        ("pass", 50),
        ("refuse", 8),  # hung up before anything was read
        ("lose_request", 8),
        ("lose_answer", 8),
        ("delay", 6),
        ("duplicate", 6),
        ("truncate_request", 5),
        ("truncate_answer", 4),
        ("error", 5),
    )

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.seen = {}

    def next(self):
        with self._lock:
            names, weights = zip(*self.SHARES)
            fault = self._random.choices(names, weights)[0]
            self.seen[fault] = self.seen.get(fault, 0) + 1
            return fault, self._random.uniform(0.005, 0.06)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a killed agent hangs up in the middle: that is the test

    def begin(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self.server_address[1]


class _Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def whole_body(self):
        wanted = int(self.headers["content-length"])
        body = self.rfile.read(wanted)
        return body if len(body) == wanted else None


def serve(receiver):
    class Handler(_Quiet):
        def do_POST(self):
            body = self.whole_body()
            if body is None:
                return
            status, answer = receiver.answer({k.lower(): v for k, v in self.headers.items()}, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return _Server(("127.0.0.1", 0), Handler)


def proxy(port, faults):
    """A server that passes on to `port`, more or less."""

    class Handler(_Quiet):
        def do_POST(self):
            fault, seconds = faults.next()
            if fault == "refuse":
                return
            body = self.whole_body()
            if body is None or fault == "lose_request":
                return
            if fault == "error":
                return self.send_error(500)
            if fault == "truncate_request":
                return self.forward(body[: len(body) // 2], len(body))
            if fault == "delay":
                time.sleep(seconds)
            if fault == "duplicate":
                self.forward(body, len(body))
            answer = self.forward(body, len(body))
            if fault != "lose_answer" and answer is not None:
                self.give_back(*answer, fault == "truncate_answer")

        def forward(self, body, length):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                connection.putrequest("POST", self.path)
                for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type"):
                    connection.putheader(name, self.headers[name])
                connection.putheader("content-length", str(length))
                connection.endheaders(body)
                if len(body) < length:
                    return None
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                return None
            finally:
                connection.close()

        def give_back(self, status, content, truncated):
            if truncated:
                # Less than a status line: whether it was accepted cannot be known.
                self.wfile.write(b"HTTP/1.1 2")
                return
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return _Server(("127.0.0.1", 0), Handler)
