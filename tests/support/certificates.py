"""A certificate authority of a test's own, and what it signs: PEM files, valid for an hour."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates into `folder`; its own is `file`."""

    folder: Path
    file: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(folder, folder / f"{name}.pem", x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        built = made.begin(made.name, key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
        made.file.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return made

    def begin(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        begun = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        numbered = begun.serial_number(x509.random_serial_number())
        return numbered.not_valid_before(now - HOUR).not_valid_after(now + HOUR)

    def sign(self, name: str, *, password: str | None = None) -> tuple[Path, Path]:
        """A certificate for the subject `name`, and its key, which is sealed with the password if there is one."""
        key = ec.generate_private_key(ec.SECP256R1())
        built = self.begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key())
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        certificate, private = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            sealing = serialization.BestAvailableEncryption(password.encode())
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing))
        private.chmod(0o600)
        return certificate, private
