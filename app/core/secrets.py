"""Secrets at rest and in links: encryption of stored credentials, random tokens and their digests."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet

from app.core.config import settings


def encrypt(plain: str) -> str:
    """Encrypt a credential for storage with the installation's key (Fernet: AES-128-CBC and HMAC-SHA-256)."""
    return Fernet(settings().fernet_key.encode()).encrypt(plain.encode()).decode()


def decrypt(stored: str) -> str:
    """Return what `encrypt` was given; raises cryptography.fernet.InvalidToken for anything else."""
    return Fernet(settings().fernet_key.encode()).decrypt(stored.encode()).decode()


def new_token() -> str:
    """Return an unguessable URL-safe token of 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hex: what is stored, so that a copy of the table opens nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign(purpose: str, text: str) -> str:
    """Return an HMAC-SHA-256 in hex that only this installation can make; a key of its own per purpose."""
    key = hashlib.sha256(f"{purpose}:{settings().fernet_key}".encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def is_signed(purpose: str, text: str, signature: str) -> bool:
    """Whether a signature is ours, compared in constant time."""
    return hmac.compare_digest(sign(purpose, text), signature)
