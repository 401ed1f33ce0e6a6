"""`clear` and `verify` on files: no server, the same bytes every time, every fault of a bad file at once."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import msgspec
import pytest

from market.cli.console import Exit
from market.rules.clearing.exports import BookFile
from tests.process_support import finish
from tests.rules.small_rounds import small_round_of_portfolios
from tests.rules.test_clearing import busy_market

WITH_QUOTAS = 4
"""The seed of a round in which a buyer with portfolio limits trades."""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.json"
    value = BookFile(format="lodestone-book-1", book=busy_market(5).book)
    path.write_bytes(msgspec.json.encode(value))
    return path


async def ran(*arguments: Any, **environment: str) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "market",
        *map(str, arguments),
        env={**os.environ, **environment},
        stdout=PIPE,
        stderr=PIPE,
    )
    return await finish(child)


def mixed(path: Path) -> Path:
    """The same book, its members and orders in another order."""
    value = json.loads(path.read_bytes())
    book = value["book"]
    for name in ("members", "supplies", "requirements"):
        book[name] = dict(reversed(book[name].items()))
    other = path.with_name("mixed.json")
    other.write_text(json.dumps({"book": dict(reversed(book.items())), "format": value["format"]}))
    return other


async def test_a_book_is_cleared_and_its_certificate_checked(book: Path, tmp_path: Path) -> None:
    words, document = await asyncio.gather(ran("clear", book), ran("clear", book, "--json"))
    assert (Exit.OK, Exit.OK) == (words[0], document[0]), words[2] + document[2]
    assert "difference 0.00" in words[1]
    assert "spot-firm" in words[1]
    certificate = tmp_path / "certificate.json"
    certificate.write_text(document[1])
    told, verdict = await asyncio.gather(
        ran("verify", certificate, book), ran("verify", certificate, book, "--json")
    )
    assert Exit.OK == told[0], told[2]
    assert "proved: no set of trades is better" in told[1]
    assert {"proved": True, "faults": []} == json.loads(verdict[1])


async def test_portfolio_limits_are_cleared_and_proved_from_files(tmp_path: Path) -> None:
    lane, _ = small_round_of_portfolios(WITH_QUOTAS)
    book, certificate = tmp_path / "book.json", tmp_path / "certificate.json"
    lane.books[lane.book.market] = msgspec.structs.replace(lane.book, plan=None)
    book.write_bytes(msgspec.json.encode(BookFile(format="lodestone-book-1", book=lane.book)))
    code, made, err = await ran("clear", book, "--json")
    assert Exit.OK == code, err
    certificate.write_text(made)
    assert Exit.OK == (await ran("verify", certificate, book))[0]
    value = json.loads(made)
    part = next(fact["data"] for fact in value["facts"] if fact["data"].get("quotas"))
    part["multipliers"][0]["ueur_per_kg"] += 1
    certificate.write_text(json.dumps(value))
    code, _, err = await ran("verify", certificate, book)
    assert Exit.DIVERGENCE == code
    assert err != ""


async def test_the_same_certificate_whatever_the_order_and_the_hash_seed(book: Path) -> None:
    made = await asyncio.gather(
        ran("clear", book, "--json", PYTHONHASHSEED="1"),
        ran("clear", mixed(book), "--json", PYTHONHASHSEED="2"),
    )
    assert [Exit.OK] * 2 == [code for code, _, _ in made]
    assert made[0][1] == made[1][1]
    assert len(made[0][1]) > 10_000


async def test_a_changed_certificate_is_a_divergence_that_names_its_field(book: Path, tmp_path: Path) -> None:
    value = json.loads((await ran("clear", book, "--json"))[1])
    evidence = next(fact for fact in value["facts"] if fact["type"] == "market.clearing.evidence.v2")
    evidence["data"]["duals"][0]["dual_ueur_per_kg"] += 1
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(value))
    code, out, err = await ran("verify", bad, book, "--json")
    assert Exit.DIVERGENCE == code
    assert "duals/0/dual_ueur_per_kg" in err
    assert not json.loads(out)["proved"]


async def test_bad_files_tell_all_their_faults_at_once(book: Path, tmp_path: Path) -> None:
    value = json.loads(book.read_bytes())
    order = next(iter(value["book"]["supplies"].values()))
    order["held_g"], order["colour"], value["extra"] = "much", "green", 1
    value["book"]["terms"]["basis"] = "gold"
    bad, empty, other = (tmp_path / name for name in ("bad.json", "empty.json", "other.json"))
    bad.write_text(json.dumps(value))
    empty.write_bytes(b"")
    other.write_text('{"format": "lodestone-certificate-1", "book_sha256": "00", "facts": []}')
    results = await asyncio.gather(
        ran("clear", bad),
        ran("clear", empty),
        ran("clear", tmp_path / "none.json"),
        ran("verify", other, book),
        ran("verify", book, book),
    )
    assert [Exit.INVALID_INPUT] * 5 == [code for code, _, _ in results]
    assert [""] * 5 == [out for _, out, _ in results]
    assert not any("Traceback" in err for _, _, err in results)
    for named in ("held_g: expected an integer", "colour: there is no such", "/extra", "terms/basis"):
        assert named in results[0][2]
    assert "the body is empty" in results[1][2]


def _twice(value: Any) -> str:
    name, order = next(iter(value["book"]["supplies"].items()))
    again = f'"supplies": {{"{name}": {json.dumps(order)}, '
    return json.dumps(value).replace('"supplies": {', again, 1)


async def test_quantities_and_ids_that_cannot_be_are_named(book: Path, tmp_path: Path) -> None:
    value = json.loads(book.read_bytes())
    twice = tmp_path / "twice.json"
    twice.write_text(_twice(value))
    supplies, requirements = value["book"]["supplies"], value["book"]["requirements"]
    (first, supply), (second, other) = list(supplies.items())[:2]
    wanted, requirement = next(iter(requirements.items()))
    supply["held_g"], other["order"] = -5, first
    requirement["filled_g"] = requirement["terms"]["basis_g"] + 1
    requirements[second] = requirement | {"order": second, "filled_g": 0}
    requirements[second]["terms"] = requirement["terms"] | {"basis_g": 0}
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(value))
    results = await asyncio.gather(ran("clear", bad), ran("verify", bad, bad), ran("clear", twice))
    assert [Exit.INVALID_INPUT] * 3 == [code for code, _, _ in results]
    for named in (
        f"/book/supplies/{first}/held_g: -5, at least 0",
        f"/book/supplies/{second}/order: {first} is another order's id",
        f"/book/requirements/{wanted}: held_g and filled_g are more",
        f"/book/requirements/{second}/terms/basis_g: 0, at least 1",
        f"/book/requirements/{second}: the id of a supply",
    ):
        assert named in results[0][2]
    assert f"{first}: the same member twice" in results[2][2]


async def test_a_book_without_a_rule_set_is_refused(book: Path, tmp_path: Path) -> None:
    value = json.loads(book.read_bytes())
    value["book"]["rule_sets"] = []
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(value))
    code, out, err = await ran("clear", bad)
    assert (Exit.INVALID_INPUT, "") == (code, out)
    assert "no rule set is in effect" in err
