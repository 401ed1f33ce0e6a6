"""Secrets stored with the instance's data if the settings name none: created once, never again."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from market.checkpoint_keys import key_file
from market.children import LocalServerError
from market.ground import Wiring
from market.settings import DEVELOPMENT_SECRET, Settings
from market.store.keys_used import KeysUsed, read_keys_used

PUBLISHER_KEY: Final = "publisher.key"
WEBHOOK_KEY: Final = "webhook.key"


class KeysMissing(LocalServerError):
    """The record was written with keys that are missing here and cannot be replaced."""


def publisher_key(settings: Settings) -> bytes:
    """The key of the public ids."""
    return _kept_key(settings, settings.public_id_secret.get_secret_value(), PUBLISHER_KEY)


def webhook_key(settings: Settings) -> bytes:
    """The key from which the secrets of webhooks are derived."""
    return _kept_key(settings, settings.webhook_secret.get_secret_value(), WEBHOOK_KEY)


def _kept_key(settings: Settings, given: str, name: str) -> bytes:
    """The set key, else a random one stored with the instance's data."""
    if given != DEVELOPMENT_SECRET:
        return given.encode()
    kept = settings.instance_dir / name
    if not kept.exists():
        settings.instance_dir.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f"{name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):
            kept.hardlink_to(fresh)
        fresh.unlink()
    return kept.read_text().encode()


async def check_keys(wiring: Wiring, services: Sequence[str]) -> None:
    """Call before services start. KeysMissing names each file that would be created again although its key
    was used."""
    used = await read_keys_used(wiring.reader)
    told = missing(wiring.settings, used, frozenset(services))
    if told:
        raise KeysMissing(
            "keys of this record are missing: bring them from where it ran before, or from your copy. "
            + " ".join(told)
        )


def missing(settings: Settings, used: KeysUsed, services: frozenset[str]) -> list[str]:
    """A sentence for each file, which it begins with."""
    checkpoint = key_file(settings)
    publisher, webhook = settings.instance_dir / PUBLISHER_KEY, settings.instance_dir / WEBHOOK_KEY
    told: list[str] = []
    if used.checkpoint and services & {"signer", "witness"} and not checkpoint.exists():
        told.append(
            f"{checkpoint} signed its heads: no other key continues them, and every audit would say so "
            "(a key that lies elsewhere is named in LODESTONE_CHECKPOINT_KEY_FILE)."
        )
    if (
        used.publisher
        and services & {"publisher", "api"}
        and _lacks(settings.public_id_secret.get_secret_value(), publisher)
    ):
        told.append(
            f"{publisher} made the ids of the public topics, which would all become others "
            "(if they shall, set LODESTONE_PUBLIC_ID_SECRET)."
        )
    if (
        used.webhook
        and services & {"webhooks", "api"}
        and _lacks(settings.webhook_secret.get_secret_value(), webhook)
    ):
        told.append(
            f"{webhook} made the secrets of all webhooks, and no receiver could check what it gets "
            "(if all shall fetch new ones, set LODESTONE_WEBHOOK_SECRET)."
        )
    return told


def _lacks(given: str, kept: Path) -> bool:
    return given == DEVELOPMENT_SECRET and not kept.exists()
