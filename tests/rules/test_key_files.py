"""Key files: for their owner only, never overwritten, never told."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from events.checkpoints import rotated_to
from events.key_files import KeyFileError, Keys, make_keys, read_keys, rotate_keys
from events.notes import Algorithm, SigningKey, verifier_key
from market.cli.commands import commands
from market.cli.console import CommandFailed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "checkpoint.key"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, ["keys", *arguments], catch_exceptions=False)
    assert 0 == result.exit_code, result.output
    return result.stdout.strip()


def test_a_key_is_made_once_for_its_owner_only(path: Path) -> None:
    keys = make_keys(path, "exchange.example", Algorithm.ED25519)
    assert keys == read_keys(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert [path] == list(path.parent.iterdir())
    with pytest.raises(KeyFileError, match="rotate` to replace a key"):
        make_keys(path, "exchange.example", Algorithm.ED25519)
    assert keys == read_keys(path)
    assert [path] == list(path.parent.iterdir())


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    make_keys(path, "exchange.example", Algorithm.ED25519)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"private":"PRIVATE+KEY+a"}', b"\xff", b'{"private":1}'])
def test_what_is_no_key_file_is_refused_without_its_content(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError) as told:
        read_keys(path)
    assert "PRIVATE" not in str(told.value)


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_keys(path)


def test_rotation_leads_from_the_first_key_to_the_current_one(path: Path) -> None:
    first = make_keys(path, "exchange.example", Algorithm.ED25519).current
    second = rotate_keys(path)
    third = rotate_keys(path)
    assert third == read_keys(path)
    assert first.verifier == third.first
    assert second.current.verifier == rotated_to(third.rotations[0], first.verifier)
    assert third.current.verifier == rotated_to(third.rotations[1], second.current.verifier)
    for gone in (first, second.current):
        assert gone.secret_text.encode() not in path.read_bytes()
    assert 0o600 == path.stat().st_mode & 0o777


def test_rotations_of_other_keys_are_refused(path: Path) -> None:
    make_keys(path, "exchange.example", Algorithm.ED25519)
    whole = rotate_keys(path)
    text = path.read_text()
    path.write_text(text.replace(whole.current.secret_text, other().secret_text))
    with pytest.raises(KeyFileError):
        read_keys(path)
    path.write_text(text.replace("key-rotation/v1", "key-rotation/v2"))
    with pytest.raises(KeyFileError):
        read_keys(path)


def other() -> SigningKey:
    return SigningKey(name="exchange.example", algorithm=Algorithm.ED25519, seed=bytes(32))


def test_keys_are_not_shown_by_accident(path: Path) -> None:
    keys = make_keys(path, "exchange.example", Algorithm.ED25519)
    assert keys.current.secret_text not in repr(keys)
    assert str(keys.current.seed) not in repr(Keys(current=keys.current))


def test_the_command_makes_shows_and_rotates(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LODESTONE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LODESTONE_CHECKPOINT_KEY_FILE", str(path))
    made = verifier_key(run("make", "--origin", "exchange.example/ree"))
    assert ("exchange.example/ree", Algorithm.ED25519) == (made.name, made.algorithm)
    assert made.text == run("show")
    after = run("rotate")
    assert after != made.text
    assert after == run("show", "--file", str(path))
    witness = path.with_name("witness.key")
    cosigner = verifier_key(run("make", "--witness", "--origin", "w.example", "--file", str(witness)))
    assert Algorithm.COSIGNATURE is cosigner.algorithm
    for wrong in (
        ["make", "--origin", "a b", "--file", "x"],
        ["make", "--origin", "a"],
        ["show", "--file", "x"],
    ):
        with pytest.raises(CommandFailed):
            CliRunner().invoke(commands, ["keys", *wrong], catch_exceptions=False)
