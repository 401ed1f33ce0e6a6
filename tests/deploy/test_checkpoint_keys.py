"""Which key signs for which deployment: made for one, never another's, and named in production."""

from pathlib import Path
from uuid import UUID

import pytest

from events.key_files import KeyFileError, make_keys, read_keys
from events.notes import Algorithm, NoteError
from market.checkpoint_keys import ensure_keys, key_file, local_origin, operator_key
from market.kept_keys import missing, publisher_key
from market.services import LOCAL_SERVICES
from market.settings import Settings, load
from market.store.keys_used import KeysUsed

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(environment="test", data_dir=tmp_path)


def test_a_local_deployment_gets_a_key_of_its_own_once(settings: Settings) -> None:
    assert operator_key(settings, None) is None
    made = ensure_keys(settings, ONE)
    assert local_origin(ONE) == made.current.name
    assert made == ensure_keys(settings, ONE) == read_keys(key_file(settings))
    assert made.current.verifier == operator_key(settings, None)
    assert 0o600 == key_file(settings).stat().st_mode & 0o777


def test_another_deployments_key_is_refused(settings: Settings) -> None:
    ensure_keys(settings, ONE)
    with pytest.raises(KeyFileError, match="two would share an origin"):
        ensure_keys(settings, OTHER)


def test_a_named_file_is_used_and_never_made(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    named = load(environment="test", data_dir=tmp_path, checkpoint_key_file=path)
    with pytest.raises(KeyFileError, match="cannot be read"):
        ensure_keys(named, ONE)
    made = make_keys(path, "exchange.example", Algorithm.ED25519)
    assert made == ensure_keys(named, ONE) == ensure_keys(named, OTHER)


def test_production_names_its_key(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(KeyFileError, match="LODESTONE_CHECKPOINT_KEY_FILE"):
        ensure_keys(production, ONE)
    assert not key_file(production).exists()


def test_a_witness_is_no_operator(settings: Settings, tmp_path: Path) -> None:
    witness = make_keys(tmp_path / "w.key", "witness.example", Algorithm.COSIGNATURE).current.verifier
    with pytest.raises(NoteError, match="is a witness's key"):
        operator_key(settings, witness.text)


@pytest.mark.parametrize(
    ("services", "lacking"),
    [
        (("api", "webhooks"), ["publisher.key", "webhook.key"]),
        (("signer", "relay"), ["checkpoint.key"]),
        (("relay", "matcher"), []),
    ],
)
def test_processes_ask_for_the_keys_that_they_would_make(
    services: tuple[str, ...], lacking: list[str], tmp_path: Path
) -> None:
    settings = load(data_dir=tmp_path)
    used = KeysUsed(checkpoint=True, publisher=True, webhook=True)
    told = missing(settings, used, frozenset(services))
    assert lacking == [Path(sentence.split(" ", 1)[0]).name for sentence in told]
    unused = KeysUsed(checkpoint=False, publisher=False, webhook=False)
    assert [] == missing(settings, unused, frozenset(services))


def test_keys_that_are_there_or_set_are_not_asked_for(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, webhook_secret="of-the-operators-own-0123456789-0123456789")
    key = key_file(settings)
    key.parent.mkdir(parents=True)
    key.touch()
    publisher_key(settings)
    used = KeysUsed(checkpoint=True, publisher=True, webhook=True)
    assert [] == missing(settings, used, frozenset(LOCAL_SERVICES))
