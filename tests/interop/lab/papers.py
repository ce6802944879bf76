# SPDX-License-Identifier: BSD-3-Clause
"""Certificates for a scenario, made by the openssl command when it runs: a root, an authority under it, ends."""
from .bench import run

KEYS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "ecdsa256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ecdsa384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ecdsa521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        "ed25519": ["-algorithm", "ED25519"]}


class Papers:
    """Files of one kind of key in a folder: root.pem, middle.pem, NAME.pem, NAME.key, NAME-chain.pem."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind
        folder.mkdir(parents=True)
        self.issue("root", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n")
        self.issue("middle", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n")

    def path(self, name):
        return self.folder / name

    def issue(self, name, issuer, extensions):
        """A key and a certificate; issuer None: signed by itself."""
        key, request, text = self.path(f"{name}.key"), self.path(f"{name}.csr"), self.path(f"{name}.ext")
        run("openssl", "genpkey", *KEYS[self.kind], "-out", key)
        run("openssl", "req", "-new", "-key", key, "-subj", f"/O=Lab/CN={name}", "-out", request)
        text.write_text(extensions)
        signer = ["-signkey", key] if issuer is None else [
            "-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key"), "-CAcreateserial"]
        run("openssl", "x509", "-req", "-in", request, *signer, "-days", 30, "-extfile", text,
            "-out", self.path(f"{name}.pem"))

    def end(self, name, dns):
        self.issue(name, "middle", f"subjectAltName=DNS:{dns}\nkeyUsage=digitalSignature\n")
        chain = self.path(f"{name}.pem").read_text() + self.path("middle.pem").read_text()
        self.path(f"{name}-chain.pem").write_text(chain)
