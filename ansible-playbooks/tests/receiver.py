"""A receiver that keeps what it gets and answers what it is told to."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

SECRET = "operator-secret-0123456789abcdef"
KEY = "0454d5e9740336c63ae284827da6ae4e2aa5372d6077b929aaaea7e4f28ab345"  # contract/vectors/keys.json: dev/nexus-01


class Receiver:
    """Use as a context: listens on a free port of loopback. `answers` are statuses, taken in order, then 200."""

    def __init__(self, answers=(), delay_s=0):
        self.requests, self._answers = [], list(answers)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
                time.sleep(delay_s)
                status = outer._answers.pop(0) if outer._answers else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", outer.url + "/stolen")
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()

    def events(self):
        """Every event that was posted with a good signature; a bad one is an error."""
        found = []
        for path, headers, body in self.requests:
            assert path == "/webhook", path
            assert headers["content-type"] == "application/cloudevents+json; charset=utf-8", headers
            event = json.loads(body)
            assert headers["webhook-id"] == event["id"], headers
            signed = ("%s.%s." % (event["id"], headers["webhook-timestamp"])).encode() + body
            digest = hmac.new(KEY.encode(), signed, hashlib.sha256).digest()
            assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode(), "the signature is wrong"
            found.append(event)
        return found
