"""What `lodestone audit` is not asked together: said before any server is looked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from events.notes import Algorithm, SigningKey
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit

WITNESS = SigningKey(name="w.example", algorithm=Algorithm.COSIGNATURE, seed=bytes(32))


def refused(*arguments: str) -> tuple[Exit, str]:
    with pytest.raises(CommandFailed) as failed:
        CliRunner().invoke(commands, ["audit", *arguments], catch_exceptions=False)
    return failed.value.code, failed.value.sentence


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("--chain --clearings", "--chain and --clearings exclude each other"),
        ("--full --chain", "--chain and --full exclude each other"),
        ("--clearings --full", "--clearings and --full exclude each other"),
        ("--chain --resolve", "--resolve clears rounds again, and --chain reads none"),
        ("--resolve --stream parties", "they are in --stream market"),
        ("--clearings --stream market --stream contracts", "--clearings reads the market stream alone"),
        ("--witness K --lane market/1", "checks the whole record: leave --lane out"),
        ("--witness K --stream market --to 9", "leave --stream and --to out"),
        ("--witness K --chain --from 1", "leave --from out"),
        ("--witness K --clearings", "leave --clearings out"),
        ("--key K receipt pyproject.toml", "write options of `lodestone audit receipt` after receipt"),
    ],
)  # fmt: skip
def test_what_excludes_each_other_is_no_audit(written: str, told: str) -> None:
    code, sentence = refused(*written.split())
    assert (Exit.USAGE, True) == (code, told in sentence), sentence


@pytest.mark.parametrize("options", [["--clearings"], ["--full"], [], ["--stream", "market"]])
def test_rounds_can_be_cleared_again_by_every_audit_that_reads_them(options: list[str]) -> None:
    """Refused for the range that comes after, so not for these options."""
    assert (Exit.INVALID_INPUT, "the range from position 60 to 5 is empty") == refused(
        *options, "--resolve", "--from", "60", "--to", "5"
    )


def test_no_witness_is_looked_for_without_the_operators_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it no checkpoint is believed, and of nothing everything is cosigned."""
    monkeypatch.setenv("LODESTONE_DATA_DIR", str(tmp_path))
    code, sentence = refused("--witness", WITNESS.verifier.text)
    assert (Exit.USAGE, True) == (code, "also needs --key, the operator's public key" in sentence)


def test_times_have_an_order_too() -> None:
    late, early = "2026-11-27T18:30:00Z", "2026-11-27T19:00:00+01:00"
    code, sentence = refused("--chain", "--from", late, "--to", early)
    assert Exit.INVALID_INPUT == code
    assert f"the range from {late} to {early} is empty: its end is before its beginning" == sentence
