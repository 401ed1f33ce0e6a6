"""Authentication: keys from the record, cached up to 60 s, and their roles."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final, get_args
from uuid import UUID

from msgspec import Struct

from events.refusal import RoleMissing
from events.vocabulary import KeyRole
from market.http.wire.problems import DoorError
from market.http.wire.tokens import key_and_secret

CACHE_TIME: Final = timedelta(seconds=60)
CACHED_KEYS_MAX: Final = 10_000

TRADERS: Final[frozenset[KeyRole]] = frozenset({"trader"})
INSPECTORS: Final[frozenset[KeyRole]] = frozenset({"trader", "inspector"})
"""Who weighs and assays, and hands in what a surveyor or an umpire found."""
ACCOUNTANTS: Final[frozenset[KeyRole]] = frozenset({"trader", "accountant"})
"""Who states and confirms what was paid."""
KEEPERS: Final[frozenset[KeyRole]] = frozenset({"trader", "compliance"})
"""Who keeps the papers of lots."""
COMPLIANCE: Final[frozenset[KeyRole]] = frozenset({"compliance", "admin", "operator"})
ADMINS: Final[frozenset[KeyRole]] = frozenset({"admin", "operator"})
OWN_ADMINS: Final[frozenset[KeyRole]] = frozenset({"admin"})
OPERATORS: Final[frozenset[KeyRole]] = frozenset({"operator"})
READS_ONLY: Final[frozenset[KeyRole]] = frozenset({"reader"})
"""May read everything that its organisation may read, but gives no commands."""
READERS: Final[frozenset[KeyRole]] = frozenset(
    {"trader", "compliance", "reader", "auditor", "operator", "admin"}
)
DELIVERY_READERS: Final = READERS | INSPECTORS
LEDGER_READERS: Final = READERS | ACCOUNTANTS
EVERY_ROLE: Final[frozenset[KeyRole]] = frozenset(get_args(KeyRole))
OVERSEERS: Final[frozenset[KeyRole]] = frozenset({"operator", "auditor"})
PUBLIC: Final[frozenset[KeyRole]] = frozenset()
"""Of a handler that answers without credentials; it has to say so."""


class Credential(Struct, frozen=True, kw_only=True):
    """A key as the record holds it."""

    key: UUID
    organisation: UUID
    roles: frozenset[KeyRole]
    secret_sha256: str
    expires_at: datetime
    revoked: bool


FindKey = Callable[[UUID], Awaitable[Credential | None]]


class KeyRing:
    """Keys verified in the last minute, by the SHA-256 of the token; a revocation takes effect within that
    time."""

    def __init__(self, find: FindKey, clock: Callable[[], datetime]) -> None:
        self._find = find
        self._clock = clock
        self._verified: OrderedDict[bytes, tuple[datetime, Credential]] = OrderedDict()
        self._forgotten = 0

    async def credential(self, authorization: str | None, admit: Callable[[], None]) -> Credential:
        """The valid key of an Authorization header. DoorError `unauthenticated`, without saying which part
        failed.

        `admit` is called before a look-up for an unknown token; it may raise.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            admit()
            raise _unauthenticated("This route needs an API key: Authorization: Bearer lds_live_…")
        token = token.strip()
        digest = sha256(token.encode("utf-8", "replace")).digest()
        now = self._clock()
        known = self._verified.get(digest)
        if known is not None and now - known[0] < CACHE_TIME:
            credential = known[1]
        else:
            admit()
            forgotten = self._forgotten
            credential = await self._verify(token)
            if forgotten == self._forgotten:
                self._remember(digest, now, credential)
        if credential.expires_at <= now:
            raise _unauthenticated("The API key is unknown, revoked or expired.")
        return credential

    async def _verify(self, token: str) -> Credential:
        try:
            key, secret = key_and_secret(token)
        except ValueError:
            raise _unauthenticated("The API key is malformed.") from None
        credential = await self._find(key)
        stored = credential.secret_sha256 if credential is not None else "0" * 64
        fits = compare_digest(sha256(secret.encode()).hexdigest(), stored)
        if credential is None or not fits or credential.revoked:
            raise _unauthenticated("The API key is unknown, revoked or expired.")
        return credential

    def _remember(self, digest: bytes, now: datetime, credential: Credential) -> None:
        self._verified[digest] = (now, credential)
        self._verified.move_to_end(digest)
        while len(self._verified) > CACHED_KEYS_MAX:
            self._verified.popitem(last=False)

    def forget(self, key: UUID) -> None:
        """Drop a revoked key at once in this process; a look-up under way is not cached either."""
        self._forgotten += 1
        for digest in [digest for digest, (_, known) in self._verified.items() if known.key == key]:
            del self._verified[digest]


def _unauthenticated(detail: str) -> DoorError:
    return DoorError("unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="lodestone"'})


def require(roles: frozenset[KeyRole], held: frozenset[KeyRole]) -> None:
    """RoleMissing unless one of `roles` is held."""
    if not roles & held:
        raise RoleMissing(role=" or ".join(sorted(roles)))
