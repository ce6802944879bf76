# SPDX-License-Identifier: BSD-3-Clause
"""Certificates for a scenario, made by the openssl command when it runs: a root, an authority under it, ends."""
from .bench import run

KEYS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        "ecdsa256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ecdsa384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ecdsa521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        "ed25519": ["-algorithm", "ED25519"]}


REGISTER = """[ca]
default_ca = lab
[lab]
database = {index}
rand_serial = yes
default_md = sha256
default_crl_days = 30
policy = any
[any]
organizationName = optional
commonName = supplied
"""


class Papers:
    """Files of one kind of key in a folder: root.pem, middle.pem, NAME.pem, NAME.key, NAME-chain.pem."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind
        folder.mkdir(parents=True)
        self.issue("root", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n")
        self.issue("middle", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n")

    def path(self, name):
        return self.folder / name

    def issue(self, name, issuer, extensions, dates=("-days", 30)):
        """A key and a certificate; issuer None: signed by itself."""
        key, request, text = self.path(f"{name}.key"), self.path(f"{name}.csr"), self.path(f"{name}.ext")
        run("openssl", "genpkey", *KEYS[self.kind], "-out", key)
        run("openssl", "req", "-new", "-key", key, "-subj", f"/O=Lab {self.folder.name}/CN={name}", "-out", request)
        text.write_text(extensions)
        signer = ["-selfsign", "-keyfile", key] if issuer is None else [
            "-cert", self.path(f"{issuer}.pem"), "-keyfile", self.path(f"{issuer}.key")]
        self.register(issuer or name, "-in", request, *signer, *dates, "-extfile", text, "-notext", "-batch",
                      "-outdir", self.folder, "-out", self.path(f"{name}.pem"))

    def register(self, issuer, *words):
        """`openssl ca` with the issuer's list of what it issued and revoked."""
        index, settings = self.path(f"{issuer}.index"), self.path(f"{issuer}.cnf")
        if not index.exists():
            index.touch()
            settings.write_text(REGISTER.format(index=index))
        run("openssl", "ca", "-config", settings, *words)

    def end(self, name, dns, dates=("-days", 30)):
        self.issue(name, "middle", f"subjectAltName=DNS:{dns}\nkeyUsage=digitalSignature\n", dates)
        chain = self.path(f"{name}.pem").read_text() + self.path("middle.pem").read_text()
        self.path(f"{name}-chain.pem").write_text(chain)

    def revoke(self, issuer, *names):
        """ISSUER.crl, with these certificates in it."""
        signer = ["-cert", self.path(f"{issuer}.pem"), "-keyfile", self.path(f"{issuer}.key")]
        for name in names:
            self.register(issuer, "-revoke", self.path(f"{name}.pem"), *signer)
        self.register(issuer, "-gencrl", *signer, "-out", self.path(f"{issuer}.crl"))
