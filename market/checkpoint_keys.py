"""The key files of checkpoints, and their owners."""

from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from events.key_files import KeyFileError, Keys, make_keys, read_keys
from events.notes import Algorithm, NoteError, VerifierKey, verifier_key
from market.settings import Settings

KEYS: Final = "keys"
OPERATOR_KEY: Final = "checkpoint.key"
LOCAL: Final = "lodestone.invalid/"
WITNESS: Final = "witness"
"""The folder of the witness that `lodestone up` runs beside everything else."""


def key_file(settings: Settings) -> Path:
    """The operator's key file: as in the settings, else in the instance's data folder."""
    return settings.checkpoint_key_file or settings.instance_dir / KEYS / OPERATOR_KEY


def ensure_keys(settings: Settings, deployment: UUID) -> Keys:
    """The operator's keys. If no file is named and none exists, a key is created for this deployment.

    KeyFileError when the file cannot be used, and in production when none is named.
    """
    path = key_file(settings)
    if settings.checkpoint_key_file is None:
        if settings.environment == "production":
            raise KeyFileError(
                "production needs a signing key of its own: create it with `lodestone keys make`, "
                "then set LODESTONE_CHECKPOINT_KEY_FILE"
            )
        if not path.exists():
            # Another process of the same start may be first.
            with suppress(KeyFileError):
                return make_keys(path, local_origin(deployment), Algorithm.ED25519)
        keys = read_keys(path)
        name = keys.current.name
        if name.startswith(LOCAL) and name != local_origin(deployment):
            raise KeyFileError(f"{path} is the key of {name}, another deployment: two would share an origin")
        return keys
    return read_keys(path)


def local_origin(deployment: UUID) -> str:
    """The default origin of a deployment: not a reachable address, and unique."""
    return f"{LOCAL}{deployment}"


def operator_key(settings: Settings, given: str | None) -> VerifierKey | None:
    """The operator's public key: as given, else from the settings, else from the local key file, else None.

    NoteError or KeyFileError when it cannot be read.
    """
    written = settings.checkpoint_public_key if given is None else given
    if written is not None:
        key = verifier_key(written)
        if key.algorithm is not Algorithm.ED25519:
            raise NoteError(f"{key.name} is a witness's key; the operator's is of type 1")
        return key
    path = key_file(settings)
    return read_keys(path).current.verifier if path.exists() else None
