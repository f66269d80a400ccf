"""A local issuer of JSON web tokens, which serves its keys over HTTPS."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from benchmarks.loopback_server import LoopbackHandler, LoopbackServer

KEY_ID = "key"
HOST = "localhost"
DISCOVERY = "/.well-known/openid-configuration"


class TokenIssuer(LoopbackServer):
    """A context manager that serves the issuer's keys.

    Parameters
    ----------
    folder : Folder for the certificate.

    Attributes
    ----------
    url : Issuer in the tokens.
    certificate : File of the self-signed certificate.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "issuer.pem"
        self._key = rsa.generate_private_key(65_537, 2048)
        self.certificate.write_bytes(_certificate(self._key) + _pem(self._key))
        super().__init__(_TokenIssuerHandler, HOST, self.certificate)

    def token(self, **claims: object) -> str:
        """Return a token for the audience `stemdrop` that expires in an hour."""
        now_s = int(time.time())
        standard = {"iss": self.url, "aud": "stemdrop", "iat": now_s, "exp": now_s + 3600}
        header = _encode_json({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"})
        signed = f"{header}.{_encode_json({**standard, **claims})}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the issuer's documents by path."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "kid": KEY_ID,
            "alg": "RS256",
            "n": _encode(numbers.n.to_bytes(256)),
            "e": _encode(numbers.e.to_bytes(3)),
        }
        return {
            DISCOVERY: {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [key]},
        }


class _TokenIssuerHandler(LoopbackHandler):
    owner: TokenIssuer

    def do_GET(self) -> None:
        body = json.dumps(self.owner.documents()[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode_json(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value).encode())


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
