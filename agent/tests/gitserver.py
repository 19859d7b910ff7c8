"""Git over HTTPS on loopback: `git http-backend` behind TLS and basic authentication."""

import base64
import http.server
import os
import ssl
import subprocess
import threading


def make_certificate(folder):
    """(certificate path, key path) for 127.0.0.1, its own authority."""
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


class GitServer:
    """Serves the repositories below `folder` to whoever knows `user`:`token`."""

    def __init__(self, folder, certificate, key, user, token):
        self.expected = "Basic " + base64.b64encode(("%s:%s" % (user, token)).encode()).decode()
        self.paths, self.folder, outer = [], folder, self

        class Handler(http.server.BaseHTTPRequestHandler):
            # Without lengths the end of an answer would be a closed TLS connection, which GnuTLS calls cut off.
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.paths.append(self.path)
                if self.headers.get("authorization") != outer.expected:
                    self.send_response(401)
                    self.send_header("www-authenticate", 'Basic realm="git"')
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                self.answer()

            do_POST = do_GET

            def answer(self):
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                env = {**os.environ, "GIT_PROJECT_ROOT": outer.folder, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path}
                env.update(QUERY_STRING=query, REQUEST_METHOD=self.command, REMOTE_USER="t", REMOTE_ADDR="127.0.0.1")
                env.update(CONTENT_TYPE=self.headers.get("content-type") or "", CONTENT_LENGTH=str(len(body)))
                env.update(HTTP_CONTENT_ENCODING=self.headers.get("content-encoding") or "")
                env.update(GIT_PROTOCOL=self.headers.get("git-protocol") or "")
                done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
                status = [int(value[:3]) for name, value in headers if name == "Status"] or [200]
                self.send_response(status[0])
                for name, value in [*headers, ("content-length", str(len(content)))]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "https://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
