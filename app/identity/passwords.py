"""Passwords: Argon2id, the policy of each realm (BC-02, SF-13), and how many wrong tries lock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import FieldError
from app.identity.errors import PasswordRefused

MAX_LENGTH = 128
NOT_REUSED = 5  # of one's own passwords, the present one included
SHORTEST_NAME = 3  # parts of names and addresses shorter than this are not looked for
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # 19 MiB, about 30 ms

LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"})
COMMON = frozenset(
    {
        "password",
        "passwort",
        "qwerty",
        "qwertz",
        "azerty",
        "welcome",
        "letmein",
        "iloveyou",
        "admin",
        "administrator",
        "changeme",
        "default",
        "secret",
        "monkey",
        "dragon",
        "football",
        "baseball",
        "superman",
        "batman",
        "trustnoone",
        "sunshine",
        "princess",
        "master",
        "shadow",
        "michael",
        "jennifer",
        "starwars",
        "whatever",
        "login",
        "access",
        "hello",
        "freedom",
        "computer",
        "internet",
        "cloud",
        "server",
        "summer",
        "winter",
        "spring",
        "autumn",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "friday",
        "asdfghjkl",
        "zxcvbnm",
        "qwertyuiop",
        "abcdefgh",
        "test",
        "testing",
        "guest",
        "temporary",
        "company",
        "microsoft",
        "google",
    }
)


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a password of a realm needs. `needs_lower` is the storefront's alone (SF-13)."""

    min_length: int
    needs_lower: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The rules as a person reads them below the field."""
        letters = "a capital and a small letter" if self.needs_lower else "a capital letter"
        return (
            f"At least {self.min_length} characters",
            f"{letters.capitalize()}, a digit and a special character",
            "Not your name, your e-mail or a common password",
        )


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """After every `tries` wrong passwords in a row the user is locked, each time `factor` times longer."""

    tries: int
    first: timedelta
    factor: int = 1
    longest: timedelta = timedelta(hours=24)

    def lock_after(self, failed_tries: int) -> timedelta | None:
        """Return for how long the given number of wrong tries in a row locks, or None where it does not."""
        rounds, rest = divmod(failed_tries, self.tries)
        if rest or not rounds:
            return None
        times: int = self.factor ** min(rounds - 1, 10)
        return min(self.longest, self.first * times)


STOREFRONT_PASSWORDS = PasswordPolicy(min_length=10, needs_lower=True)
BSS_PASSWORDS = PasswordPolicy(min_length=8, needs_lower=False)
STOREFRONT_LOCK = LockPolicy(tries=4, first=timedelta(minutes=30))  # more than three: SF-12
BSS_LOCK = LockPolicy(tries=5, first=timedelta(minutes=15), factor=2)  # BC-02; the console's too


def hash_password(password: str) -> str:
    """Return the Argon2id hash that is stored."""
    return HASHER.hash(password)


@cache
def _hash_of_nobody() -> str:
    return HASHER.hash("nobody's password")


def is_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password belongs to the hash. Without a hash it takes as long and is False."""
    try:
        HASHER.verify(password_hash or _hash_of_nobody(), password[: MAX_LENGTH + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Return whether the hash was made with other parameters and should be made anew at the next sign-in."""
    return HASHER.check_needs_rehash(password_hash)


def check_password(password: str, policy: PasswordPolicy, *, name: str, email: str) -> None:
    """Raise PasswordRefused with every rule the password of this person breaks."""
    unmet = [
        FieldError("password", code, message)
        for code, message, is_met in _rules(password, policy, name=name, email=email)
        if not is_met
    ]
    if unmet:
        raise PasswordRefused(unmet)


def check_unused(password: str, hashes: Sequence[str]) -> None:
    """Raise PasswordRefused for one of the last five passwords; `hashes` are newest first."""
    if any(is_password(each, password) for each in hashes[:NOT_REUSED]):
        raise PasswordRefused([FieldError("password", "used_before", "Choose one that is not among your last five")])


def _rules(password: str, policy: PasswordPolicy, *, name: str, email: str) -> list[tuple[str, str, bool]]:
    return [
        ("too_short", f"Use at least {policy.min_length} characters", len(password) >= policy.min_length),
        ("too_long", f"Use at most {MAX_LENGTH} characters", len(password) <= MAX_LENGTH),
        ("no_upper", "Add a capital letter", any(character.isupper() for character in password)),
        ("no_lower", "Add a small letter", not policy.needs_lower or any(c.islower() for c in password)),
        ("no_digit", "Add a digit", any(character.isdigit() for character in password)),
        ("no_special", "Add a special character, such as ! or %", any(not c.isalnum() for c in password)),
        ("contains_name", "Leave out your name and your e-mail", not _contains(password, name, email)),
        ("too_common", "Choose something less common", not _is_common(password)),
    ]


def _contains(password: str, name: str, email: str) -> bool:
    lowered = password.lower()
    parts = (*name.lower().split(), email.lower(), email.lower().split("@", 1)[0])
    return any(part in lowered for part in parts if len(part) >= SHORTEST_NAME)


def _is_common(password: str) -> bool:
    """Judge what is left when digits and signs are taken off both ends and l33t is read as letters."""
    core = re.sub(r"^[^A-Za-z@$]+|[^A-Za-z@$]+$", "", password).lower().strip("@$")
    return core.translate(LEET) in COMMON or password.lower().translate(LEET).strip("!?.*#%") in COMMON
