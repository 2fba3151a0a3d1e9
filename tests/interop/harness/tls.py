"""Certificates for one run of the suite, made with openssl."""

import shutil

from . import install

DAYS = "2"


class Certificates:
    """A server's certificate and a client's with their keys, the authority behind both, and one that signed neither."""

    def __init__(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.openssl = install.openssl()
        self.ca = self._make("ca", "basicConstraints=critical,CA:TRUE")
        self.other_ca = self._make("other", "basicConstraints=critical,CA:TRUE")
        self.cert = self._make("server", "basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                               signed_by="ca")
        self.key = folder / "server.key"
        self.client_cert = self._make("client", "basicConstraints=critical,CA:FALSE", signed_by="ca")
        self.client_key = folder / "client.key"

    def _make(self, name, *extensions, signed_by=None):
        cert = self.folder / f"{name}.pem"
        signer = ["-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key"] if signed_by else []
        # A configuration of its own: the machine's may add extensions.
        config = self.folder / "openssl.cnf"
        config.write_text("[req]\ndistinguished_name=name\n[name]\n")
        added = [word for extension in extensions for word in ("-addext", extension)]
        install.run([self.openssl, "req", "-x509", "-config", config, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", f"{name}.key", "-out", cert, "-subj", f"/CN=interop {name}", "-days", DAYS,
                     *added, *signer], cwd=self.folder)
        return cert
