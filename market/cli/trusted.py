"""Shared parts of checking a proof file: trusted keys, and cosigners."""

from collections.abc import Sequence
from pathlib import Path

from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey, verifier_key
from market.audit.sealed_proof import FILE_BYTES_MAX
from market.checkpoint_keys import operator_key
from market.cli.console import CommandFailed, Exit, print_line, say
from market.settings import Settings


def trusted_keys(
    settings: Settings, key: str | None, witnesses: Sequence[str]
) -> tuple[VerifierKey, list[VerifierKey]]:
    """The operator's key and the witnesses'. CommandFailed when one cannot be read or is missing."""
    try:
        operator = operator_key(settings, key)
        trusted = [verifier_key(witness) for witness in witnesses]
    except (NoteError, KeyFileError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if operator is None:
        raise CommandFailed(Exit.USAGE, "--key is missing: the operator's public key")
    return operator, trusted


def print_cosigners(checked: Sequence[str], unchecked: Sequence[str]) -> None:
    for name in checked:
        print_line(f"  cosigned by {name}")
    if unchecked:
        named = ", ".join(unchecked)
        say(f"not checked: cosignatures of {named}; name the witnesses that you trust by --witness KEY")
    elif not checked:
        say("no witness has cosigned it, so the operator could show others a different history")


def content_of(file: Path) -> bytes:
    """CommandFailed when it is too large to be such a file."""
    if file.stat().st_size > FILE_BYTES_MAX:
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: larger than {FILE_BYTES_MAX:,} bytes")
    return file.read_bytes()


def print_stated_names(stated: Sequence[str]) -> None:
    """Of parties whose registration the file does not show."""
    if stated:
        print_line("as the file states it, in no event that it shows: who the other side is")
    for sentence in stated:
        print_line(f"  {sentence}")
