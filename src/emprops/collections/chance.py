"""Chance that can be repeated: everything random about a generation follows from its hash, by SHA-256 alone."""

import hashlib


def generation_hash(seed: str, generation: int) -> str:
    """Derive the hash of the n-th generation of a job: ``0x`` and 64 hexadecimal digits."""
    return "0x" + _digest(seed, str(generation)).hex()


def fraction(generation_hash: str, purpose: str) -> float:
    """Return a number 0 ≤ x < 1 that belongs to this hash and purpose."""
    return (int.from_bytes(_digest(generation_hash, purpose)[:8]) >> 11) / 2**53


def whole(generation_hash: str, purpose: str, low: int, high: int) -> int:
    """Return a whole number low ≤ n ≤ high that belongs to this hash and purpose."""
    return low + int.from_bytes(_digest(generation_hash, purpose)) % (high - low + 1)


def _digest(*texts: str) -> bytes:
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    return hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in raw)).digest()
