"""How the command line says what ended it: whose fault, in words, with the exit code that is documented."""

import asyncio
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from rich.table import Table

from events.brokers import Brokers
from events.connections import open_client
from events.refusal import RecordUnavailable
from market.cli.commands import run
from market.cli.console import CommandFailed, Exit, print_table, run_async
from market.cli.files import check_folder, check_writable
from market.cli.imports import FAULTS_MAX, _Api, _faults, _tell
from market.client.faults import Fault

NOWHERE = "127.0.0.1:1"


def told(error: BaseException) -> tuple[Exit, str]:
    async def failing() -> None:
        raise error

    with pytest.raises(CommandFailed) as failed:
        run_async(failing())
    return failed.value.code, failed.value.sentence


@pytest.mark.parametrize(
    ("error", "ended_by", "expected"),
    [
        (FileNotFoundError(errno.ENOENT, "none", "/x.csv"), Exit.INVALID_INPUT, "/x.csv: none"),
        (OSError(errno.ENOSPC, "full"), Exit.UNAVAILABLE, "this machine: No space left on device"),
        (OSError(errno.ENOSPC, "full", "state.json"), Exit.UNAVAILABLE, "state.json: full"),
        (OSError(errno.EMFILE, "many"), Exit.UNAVAILABLE, "this machine: Too many open files"),
    ],
)
def test_a_file_of_this_machine_is_no_server(error: OSError, ended_by: Exit, expected: str) -> None:
    assert (ended_by, expected) == told(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 1)"),
            "a server cannot be reached: Connection refused",
        ),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "a server cannot be reached: unknown"),
        (TimeoutError(), "a server cannot be reached: no answer in time"),
        (ssl.SSLError(1, "[SSL] unknown"), "a server cannot be reached: TLS fails: "),
        (KafkaTimeoutError("15 s"), "Kafka cannot be used now: 15 s"),
        (KafkaConnectionError(), "Kafka cannot be used now: KafkaConnectionError"),
        (asyncpg.CannotConnectNowError("it starts\nDETAIL"), "PostgreSQL cannot be used now: it starts"),
        (
            RecordUnavailable(),
            "record_unavailable: The database cannot be reached, or took too long; nothing was",
        ),
    ],
)
def test_what_is_away_is_said_without_a_word_of_python(error: Exception, expected: str) -> None:
    code, sentence = told(error)
    assert (Exit.UNAVAILABLE, True) == (code, sentence.startswith(expected)), sentence
    assert not any(mark in sentence for mark in ("Error(", "errno", "Errno", "\n"))


async def test_every_broker_that_is_away_is_named_with_its_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        deaf = f"127.0.0.1:{listening.getsockname()[1]}"
        listening.close()
    with pytest.raises(KafkaConnectionError) as away:
        async with asyncio.timeout(20), open_client(f"{NOWHERE},{deaf}"):
            pass
    assert (f"{NOWHERE}: Connection refused; {deaf}: Connection refused",) == away.value.args


@pytest.mark.parametrize(
    ("bootstrap", "expected"),
    [
        (" no-such-host.invalid", "no-such-host.invalid: "),
        (f"{NOWHERE},", f"{NOWHERE}: Connection refused"),
        ("[::1]:1", "[::1]:1: "),
        ("127.0.0.1:x", "127.0.0.1:x: no address, which is written HOST:PORT"),
        ("127.0.0.1:70000", "127.0.0.1:70000: no address, which is written HOST:PORT"),
    ],
)
async def test_an_address_in_another_form_is_told_too(bootstrap: str, expected: str) -> None:
    with pytest.raises(KafkaConnectionError) as away:
        async with asyncio.timeout(20), open_client(bootstrap):
            pass
    (told,) = away.value.args
    assert told.startswith(expected), told
    assert "not known" not in told or "invalid" in bootstrap


async def test_a_broker_behind_tls_may_have_a_certificate_that_is_not_trusted() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for bootstrap in (place, Brokers(servers=place)):
            with pytest.raises(KafkaConnectionError) as away:
                async with asyncio.timeout(20), open_client(bootstrap):
                    pass
            assert (bootstrap != place) == away.value.args[0].endswith("or its certificate is not trusted")


async def test_a_file_of_authorities_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for expected in (os.strerror(errno.ENOENT), "it holds no PEM of that kind"):
        with pytest.raises(OSError) as refused:
            async with open_client(Brokers(servers=NOWHERE, ca_file=str(file))):
                pass
        assert (str(file), expected) == (refused.value.filename, refused.value.strerror)
        file.write_text("no PEM")


def test_rows_of_a_dry_run_are_told_as_acceptable(capsys: pytest.CaptureFixture[str]) -> None:
    view = {"state": "completed", "accepted": 1_200, "warned": 3, "refused": 1}
    for mode in ("dry_run", "partial"):
        _tell(view | {"mode": mode}, [], as_json=False)
    assert [
        "completed: 1,200 acceptable (3 with warnings), 1 refused",
        "completed: 1,200 accepted (3 with warnings), 1 refused",
    ] == capsys.readouterr().out.splitlines()


def test_faults_of_a_file_are_told_as_sentences() -> None:
    def at(detail: str, pointer: str | None = None, parameter: str | None = None) -> Fault:
        return Fault(code="wrong", detail=detail, pointer=pointer, parameter=parameter)

    assert "the file has no rows" == _faults([at("the file has no rows", "/rows")])
    many = [at("no such column", f"/rows/1/c{number}") for number in range(FAULTS_MAX + 7)]
    assert "c0, c1, c2, c3, c4, and 7 more: no such column" == _faults(many)
    assert "row 5 price: wrong; kind: unknown" == _faults(
        [at("wrong", "/rows/5/price"), at("unknown", parameter="kind")]
    )


UNREAD = "the report was not read to its end: one of its lines is cut off"
LINE = b'{"row":2,"column":"amount","code":"decimal_comma","sentence":"a comma","id":null,"kind":"fault"}'


@pytest.mark.parametrize(
    ("lines", "report", "shown", "code", "expected"),
    [
        (LINE, "/dev/full", 1, Exit.INVALID_INPUT, "/dev/full cannot be written: No space left"),
        (LINE[:40], None, 0, Exit.UNAVAILABLE, UNREAD),
        (b'{"row":2}', None, 0, Exit.UNAVAILABLE, UNREAD),
        (LINE[:40], "/dev/full", 0, Exit.INVALID_INPUT, "/dev/full cannot be written"),
    ],
)
async def test_refused_rows_are_shown_whatever_becomes_of_the_report(
    lines: bytes, report: str | None, shown: int, code: Exit, expected: str
) -> None:
    api = _Api("http://127.0.0.1:9", "key", "k")
    answering = httpx.MockTransport(lambda _: httpx.Response(200, content=lines + b"\n"))
    async with httpx.AsyncClient(transport=answering, base_url="http://127.0.0.1:9") as client:
        view = {"id": "imp_1", "refused": 1}
        found, missed = await api._report(client, view, None if report is None else Path(report))
    assert missed is not None
    assert (shown, code, True) == (len(found), missed.code, missed.sentence.startswith(expected)), missed


async def test_what_the_api_refuses_while_an_import_is_followed_is_not_laid_on_the_file() -> None:
    api = _Api("http://127.0.0.1:9", "key", "k")
    answering = httpx.MockTransport(lambda _: httpx.Response(401, content=b"{}"))
    async with httpx.AsyncClient(transport=answering, base_url="http://127.0.0.1:9") as client:
        with pytest.raises(CommandFailed, match=r"^the API refuses the request: HTTP 401$") as failed:
            await api._look(client, {"id": "imp_1"})
    assert Exit.INVALID_INPUT == failed.value.code


def test_a_file_that_stands_may_be_written_where_none_may_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.csv"
    file.touch()
    kept = [tmp_path]
    monkeypatch.setattr(os, "access", lambda path, _: path not in kept)
    check_writable(file)
    for check, place in ((check_folder, file), (check_writable, tmp_path / "other.csv")):
        with pytest.raises(CommandFailed, match="nothing may be written in"):
            check(place)
    kept.append(file)
    with pytest.raises(CommandFailed, match=r"report\.csv: it may not be written"):
        check_writable(file)


def test_a_reader_of_stdout_that_has_gone_is_no_server() -> None:
    async def printing() -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    with pytest.raises(BrokenPipeError):
        run_async(printing())


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard, though the tests may run in a shell's background, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "ended_by", "code"),
    [(signal.SIGINT, KeyboardInterrupt, None), (signal.SIGTERM, SystemExit, 143)],
)
@pytest.mark.usefixtures("heard")
def test_what_is_open_is_closed_before_an_interruption_ends_a_verb(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, ended_by: type[BaseException], code: int | None
) -> None:
    """By a second SIGTERM the process would end at once."""
    closed = []

    async def working() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            closed.append(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)

    monkeypatch.setattr("market.cli.commands.commands", lambda: run_async(working()))
    with pytest.raises(ended_by) as ended:
        run()
    assert ([number == signal.SIGTERM], code) == (closed, getattr(ended.value, "code", None))


def test_a_table_is_cut_nowhere_but_by_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("member", "before", box=None)
    table.add_row("default_profile/" + "x" * 90, "y" * 90)
    print_table(table)
    assert "default_profile/" + "x" * 90 + "  " + "y" * 90 == capsys.readouterr().out.splitlines()[1].strip()


def test_what_nobody_can_read_ends_nothing() -> None:
    said = "from market.cli import console; console.say('a'); console.say('b'); print('done')"
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", said]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, check=True, timeout=60)
    assert b"done\n" == ran.stdout
