"""Tokens and keys made by hand: a library would refuse to make most of what is tried here."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SECRET = "kX9vQ2mB7tR4wL8zC3nF6hJ1pD5sG0aY"
ISSUER = "emprops"
Sign = Callable[[bytes], bytes]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, changed; ``...`` takes one away."""
    now = int(time.time())
    user = "0192f0c8-0000-7000-8000-00000000000a"
    good = {"sub": user, "iss": ISSUER, "aud": "emprops", "iat": now, "exp": now + 600}
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def hs(secret: str | bytes = SECRET, digest: str = "sha256") -> Sign:
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda text: hmac.new(key, text, getattr(hashlib, digest)).digest()


def unsigned(_text: bytes) -> bytes:
    return b""


def token(header: dict[str, Any], payload: Any, sign: Sign) -> str:
    """Put a token together; a payload that is no dictionary is taken as it is."""
    body = json.dumps(payload).encode() if isinstance(payload, dict) else payload
    text = f"{b64(json.dumps({'typ': 'JWT', **header}).encode())}.{b64(body)}"
    return f"{text}.{b64(sign(text.encode()))}"


def good(**changes: Any) -> str:
    return token({"alg": "HS256"}, claims(**changes), hs())


class Pair:
    """A private key, how it signs, and its public half as a JSON Web Key."""

    def __init__(self, kid: str, kind: str, *, bits: int = 2048) -> None:
        self.kid = kid
        if kind == "RSA":
            private = rsa.generate_private_key(65537, bits)
            numbers = private.public_key().public_numbers()
            self.public: Any = private.public_key()
            self.algorithm = "RS256"
            self.jwk: dict[str, Any] = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
            self.sign: Sign = lambda text: private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        elif kind == "EC":
            curve = ec.generate_private_key(ec.SECP256R1())
            point = curve.public_key().public_numbers()
            self.d = b64(curve.private_numbers().private_value.to_bytes(32, "big"))
            self.public = curve.public_key()
            self.algorithm = "ES256"
            self.jwk = {
                "kty": "EC",
                "crv": "P-256",
                "x": b64(point.x.to_bytes(32, "big")),
                "y": b64(point.y.to_bytes(32, "big")),
            }

            def sign(text: bytes) -> bytes:
                r, s = decode_dss_signature(curve.sign(text, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")

            self.sign = sign
        else:
            edwards = ed25519.Ed25519PrivateKey.generate()
            self.public = edwards.public_key()
            self.algorithm = "EdDSA"
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public.public_bytes_raw())}
            self.sign = edwards.sign
        self.jwk |= {"kid": kid, "use": "sig", "alg": self.algorithm}

    def token(self, payload: dict[str, Any] | None = None, **header: Any) -> str:
        """A good token of this key, its header changed; ``...`` takes a field away."""
        fields = {"alg": self.algorithm, "kid": self.kid, **header}
        kept = {name: value for name, value in fields.items() if value is not ...}
        return token(kept, claims() if payload is None else payload, self.sign)


def key_set(*keys: Pair | dict[str, Any]) -> bytes:
    return json.dumps({"keys": [key.jwk if isinstance(key, Pair) else key for key in keys]}).encode()
