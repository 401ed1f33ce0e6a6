"""`lodestone keys make|show|rotate`: the key that signs checkpoints, and the key of a witness."""

from pathlib import Path

import rich_click as click

from events.key_files import KeyFileError, make_keys, read_keys, rotate_keys
from events.notes import Algorithm, NoteError
from market.checkpoint_keys import key_file
from market.cli.console import (
    CommandFailed,
    Exit,
    print_line,
    say,
)
from market.cli.environment import settings_of

FILE = click.option(
    "--file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Default LODESTONE_CHECKPOINT_KEY_FILE, or the instance's own file.",
)


@click.command("make")
@click.option(
    "--origin",
    required=True,
    metavar="NAME",
    help="Permanent name of the deployment, like a URL without its scheme: exchange.example/ree.",
)
@click.option("--witness", is_flag=True, help="A witness's key: NAME is the witness's.")
@FILE
def make(*, origin: str, witness: bool, file: Path | None) -> None:
    """Create a key in a new file that only its owner can read; prints the public key, which is not secret."""
    algorithm = Algorithm.COSIGNATURE if witness else Algorithm.ED25519
    path = _path(file)
    try:
        keys = make_keys(path, origin, algorithm)
    except (KeyFileError, NoteError, OSError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    say(f"{path} contains the private key, keep it secret; the public key is for everybody")
    print_line(keys.current.verifier.text)


@click.command("show")
@FILE
def show(*, file: Path | None) -> None:
    """Print the public key of a key file, which partners and auditors use as --key."""
    try:
        print_line(read_keys(_path(file)).current.verifier.text)
    except KeyFileError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error


@click.command("rotate")
@FILE
def rotate(*, file: Path | None) -> None:
    """Replace the key by a new one; prints the new public key.

    Old and new key sign the change, so holders of the old public key accept the new one. The signer publishes
    the change first and needs no restart.
    """
    try:
        keys = rotate_keys(_path(file))
    except KeyFileError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    say(
        "the old private key was removed from the file; holders of the old public key will accept the new one"
    )
    print_line(keys.current.verifier.text)


def _path(file: Path | None) -> Path:
    return file or key_file(settings_of())
