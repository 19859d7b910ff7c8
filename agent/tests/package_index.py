"""A Python package index on loopback, with wheels made here."""

import html
import http.server
import io
import threading
import zipfile

METADATA = "Metadata-Version: 2.1\nName: ansible-core\nVersion: %s\n"
SCRIPT = "def main():\n    print('ansible-pull [core %s]')\n"


class PackageIndex:
    """Serves what `add` made: small packages that call themselves ansible-core."""

    def __init__(self):
        self._wheels = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rstrip("/").rpartition("/")[2]
                if name == "ansible-core":
                    self._answer("text/html", outer._listing().encode())
                elif name in outer._wheels:
                    self._answer("application/octet-stream", outer._wheels[name][0])
                else:
                    self.send_error(404)

            def _answer(self, kind, content):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/simple" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, version, requires_python=None):
        metadata = METADATA % version + ("Requires-Python: %s\n" % requires_python if requires_python else "")
        info = "ansible_core-%s.dist-info/" % version
        files = {
            "small_ansible.py": SCRIPT % version,
            info + "METADATA": metadata,
            info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            info + "entry_points.txt": "[console_scripts]\nansible-pull = small_ansible:main\n",
        }
        files[info + "RECORD"] = "".join(name + ",,\n" for name in [*files, info + "RECORD"])
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
        self._wheels["ansible_core-%s-py3-none-any.whl" % version] = (buffer.getvalue(), requires_python)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _listing(self):
        rows = []
        for name, (_, python) in self._wheels.items():
            about = ' data-requires-python="%s"' % html.escape(python) if python else ""
            rows.append('<a href="/files/%s"%s>%s</a>' % (name, about, name))
        return "<!DOCTYPE html><html><body>%s</body></html>" % "\n".join(rows)
