"""Certificates for 127.0.0.1 by the openssl program: the standard library makes none."""

import os
import subprocess

CONFIG = """
[ca]
default_ca = d
[d]
dir = .
database = index.txt
new_certs_dir = .
default_md = sha256
policy = p
rand_serial = yes
copy_extensions = copy
[p]
commonName = supplied
"""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """A CA in a folder."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        for name, text in (("ca.cnf", CONFIG), ("index.txt", "")):
            with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
                stream.write(text)
        subject = ["-subj", "/CN=a CA of the tests", "-days", "36500"]
        self._openssl("req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", *subject)
        with open(os.path.join(folder, "ca.pem"), encoding="ascii") as stream:
            self.pem = stream.read()

    def certificate(self, name, begin, end):
        """(certificate, key) of a server on 127.0.0.1; times as YYYYMMDDHHMMSSZ."""
        request = ["-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name]
        self._openssl("req", *NEW_KEY, *request, "-addext", "subjectAltName=IP:127.0.0.1")
        dates = ["-startdate", begin, "-enddate", end]
        signer = ["-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"]
        self._openssl("ca", "-batch", "-notext", *signer, "-in", name + ".csr", "-out", name + ".pem", *dates)
        return os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)
