# SPDX-License-Identifier: BSD-3-Clause
"""A CA and certificates for tests, made anew each time."""
import datetime
import functools
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

ENCODING = serialization.Encoding.PEM


@functools.lru_cache
def dsa_parameters():
    return dsa.generate_parameters(2048)


def new_key(kind):
    """"rsa", "dsa", or the name of a curve."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "dsa":
        return dsa_parameters().generate_private_key()
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


class Authority:
    """Files in a directory: ca.pem, and for each name NAME.pem and NAME.key."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key = new_key("p256")
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "laboratory CA")])
        self.certificate = self._sign(self.name, self.key.public_key(), [
            (x509.BasicConstraints(True, None), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)])
        self.ca = self._write("ca.pem", self.certificate)

    def _sign(self, subject, public, extensions):
        today = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(today - datetime.timedelta(days=1))
        builder = builder.not_valid_after(today + datetime.timedelta(days=30))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name, certificate):
        path = self.directory / name
        path.write_bytes(certificate.public_bytes(ENCODING))
        return path

    def issue(self, name, kind):
        """(certificate file, key file) for a name."""
        key = new_key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        where = x509.SubjectAlternativeName([x509.DNSName(name)])
        certificate = self._write(f"{name}.pem", self._sign(subject, key.public_key(), [(where, False)]))
        key_file = self.directory / f"{name}.key"
        key_file.write_bytes(key.private_bytes(ENCODING, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return certificate, key_file
