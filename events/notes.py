"""C2SP signed notes (c2sp.org/signed-note) and cosignatures (c2sp.org/tlog-cosignature), Ed25519. Pure.

A note is a text of lines, an empty line, and signature lines: `— NAME base64(key id ‖ signature)`.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

NOTE_CHARACTERS_MAX: Final = 65_536
SIGNATURES_MAX: Final = 64
SEED_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
TIMESTAMP_BYTES: Final = 8
TIMESTAMP_MAX: Final = 2**63 - 1

_PRIVATE: Final = "PRIVATE+KEY+"
_SIGNATURE_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


class Algorithm(IntEnum):
    """The signature types used here, with their C2SP identifier bytes."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


class NoteError(ValueError):
    """A text is not a signed note, or not a key; one sentence says why."""


class VerifierKey(Struct, frozen=True, kw_only=True):
    """The public half of a key; `public` is 32 bytes."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        given = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(given).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as text without spaces, which `verifier_key` parses."""
        data = b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{data}"


class SigningKey(Struct, frozen=True, kw_only=True):
    """A private key. Never show `seed`; write `secret_text` only to the file that keeps it."""

    name: str
    algorithm: Algorithm
    seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.name}+{self.verifier.id.hex()})"

    @property
    def verifier(self) -> VerifierKey:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(name=self.name, algorithm=self.algorithm, public=public)

    @property
    def secret_text(self) -> str:
        """The private key as text without spaces, which `signing_key` parses."""
        data = b64encode(bytes([self.algorithm]) + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{data}"

    def sign(self, text: str) -> str:
        """A signature line over the text of a note."""
        assert self.algorithm is Algorithm.ED25519
        return _line(self.verifier, self._signed(text))

    def cosign(self, text: str, timestamp: int) -> str:
        """A signature line of a witness over the text of a checkpoint; `timestamp` in POSIX seconds."""
        assert self.algorithm is Algorithm.COSIGNATURE
        stamp = timestamp.to_bytes(TIMESTAMP_BYTES)
        return _line(self.verifier, stamp + self._signed(_cosigned_text(text, timestamp)))

    def _signed(self, text: str) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())


class Signature(Struct, frozen=True, kw_only=True):
    """A signature line: who claims to have signed, and `line` as it is in the note."""

    name: str
    key_id: bytes
    signature: bytes
    line: str

    def claims(self, key: VerifierKey) -> bool:
        return (self.name, self.key_id) == (key.name, key.id)


class Note(Struct, frozen=True, kw_only=True):
    """`text` includes its last line feed."""

    text: str
    signatures: tuple[Signature, ...]

    def signed_by(self, key: VerifierKey) -> bool | None:
        """Whether the key has signed the text; None if no signature claims to be from this key. False if one
        of those that do is invalid."""
        found = [each for each in self.signatures if each.claims(key)]
        if not found:
            return None
        return all(_verifies(self.text, each, key) for each in found)

    def cosigned_at(self, key: VerifierKey) -> int | None:
        """POSIX seconds of a witness's newest cosignature; None when there is none, or an invalid one."""
        if key.algorithm is not Algorithm.COSIGNATURE or not self.signed_by(key):
            return None
        return max(
            int.from_bytes(each.signature[:TIMESTAMP_BYTES]) for each in self.signatures if each.claims(key)
        )


def signed(text: str, lines: Iterable[str]) -> str:
    """The note of a text and signature lines."""
    return f"{text}\n" + "".join(f"{line}\n" for line in lines)


def parse_note(value: str) -> Note:
    """NoteError for a text that is not a signed note, or exceeds the limits."""
    if len(value) > NOTE_CHARACTERS_MAX:
        raise NoteError(f"a note has at most {NOTE_CHARACTERS_MAX} characters")
    if _CONTROL.search(value):
        raise NoteError("a note holds no control characters but line feeds")
    text, found, tail = value.rpartition("\n\n")
    if not found or not tail.endswith("\n"):
        raise NoteError("a note is a text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"a note has at most {SIGNATURES_MAX} signatures")
    return Note(text=text + "\n", signatures=tuple(map(parse_signature, lines)))


def parse_signature(line: str) -> Signature:
    found = _SIGNATURE_LINE.fullmatch(line)
    data = None if found is None else decode_base64(found[2])
    if found is None or data is None or len(data) <= KEY_ID_BYTES or not _NAME.fullmatch(found[1]):
        raise NoteError(f"no signature line: {line[:100]!r}")
    return Signature(name=found[1], key_id=data[:KEY_ID_BYTES], signature=data[KEY_ID_BYTES:], line=line)


def verifier_key(text: str) -> VerifierKey:
    """The inverse of `VerifierKey.text`. NoteError for other texts, or if the key id does not match."""
    name, key_id, algorithm, data = _key_parts(text)
    key = VerifierKey(name=name, algorithm=algorithm, public=data)
    if key.id.hex() != key_id:
        raise NoteError(f"the key of {name} does not have the id {key_id}: it was mistyped")
    return key


def signing_key(text: str) -> SigningKey:
    """The inverse of `SigningKey.secret_text`. A NoteError never contains parts of the key."""
    if not text.startswith(_PRIVATE):
        raise NoteError(f"a private key begins with {_PRIVATE}")
    name, key_id, algorithm, data = _key_parts(text.removeprefix(_PRIVATE))
    key = SigningKey(name=name, algorithm=algorithm, seed=data)
    if key.verifier.id.hex() != key_id:
        raise NoteError(f"the private key of {name} does not have the id {key_id}")
    return key


def check_name(name: str) -> str:
    """Returns a valid key name unchanged. NoteError for one with spaces, a plus or more than 200
    characters."""
    if not _NAME.fullmatch(name):
        raise NoteError(f"a key's name is 1 to 200 characters without spaces and plus, not {name[:210]!r}")
    return name


def _key_parts(text: str) -> tuple[str, str, Algorithm, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    data = decode_base64(encoded)
    if data is None or len(data) != 1 + SEED_BYTES or not re.fullmatch("[0-9a-f]{8}", key_id):
        raise NoteError("a key is written NAME+ID+BASE64: 8 hexadecimal digits, then 33 bytes")
    try:
        algorithm = Algorithm(data[0])
    except ValueError:
        raise NoteError(f"keys of type {data[0]} are not used here") from None
    return check_name(name), key_id, algorithm, data[1:]


def decode_base64(text: str) -> bytes | None:
    """The bytes of canonical Base64; None for other texts."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    return data if b64encode(data).decode() == text else None


def _line(key: VerifierKey, signature: bytes) -> str:
    return f"— {key.name} {b64encode(key.id + signature).decode()}"


def _cosigned_text(text: str, timestamp: int) -> str:
    return f"cosignature/v1\ntime {timestamp}\n{text}"


def _verifies(text: str, signature: Signature, key: VerifierKey) -> bool:
    given = signature.signature
    if key.algorithm is Algorithm.COSIGNATURE:
        timestamp = int.from_bytes(given[:TIMESTAMP_BYTES])
        if timestamp > TIMESTAMP_MAX:
            return False
        text, given = _cosigned_text(text, timestamp), given[TIMESTAMP_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(given, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
