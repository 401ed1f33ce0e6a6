"""What the set-up does about missing Java, Maven, venv, old Python and changed jars."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lodestone_setup", CHECKOUT / "deploy" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(CHECKOUT / "deploy"))
        spec.loader.exec_module(module)
    return module


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def java(folder: Path, version: str) -> Path:
    return program(folder, "java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("25", 25), ("21-ea", 21)])
def test_java_version_is_read(setup: ModuleType, tmp_path: Path, version: str, major: int) -> None:
    assert major == setup.java_version(str(java(tmp_path, version)))


def test_a_java_that_does_not_run_has_no_version(setup: ModuleType, tmp_path: Path) -> None:
    assert setup.java_version(str(tmp_path / "missing")) is None
    assert setup.java_version(str(program(tmp_path, "java", "exit 1"))) is None


def test_java_on_the_path_is_found(setup: ModuleType, tmp_path: Path) -> None:
    found = java(tmp_path / "bin", "17.0.1")
    assert str(found) == setup.find_java({"PATH": str(found.parent)}, tmp_path / "jvm")


def test_java_home_wins_when_new_enough(setup: ModuleType, tmp_path: Path) -> None:
    on_path = java(tmp_path / "bin", "17.0.1")
    old, new = java(tmp_path / "old" / "bin", "11.0.2"), java(tmp_path / "new" / "bin", "21.0.2")
    path = str(on_path.parent)
    assert str(new) == setup.find_java({"PATH": path, "JAVA_HOME": str(tmp_path / "new")}, tmp_path / "jvm")
    assert str(on_path) == setup.find_java(
        {"PATH": path, "JAVA_HOME": str(old.parent.parent)}, tmp_path / "jvm"
    )


def test_an_old_java_on_the_path_gives_way_to_a_newer_one_beside_it(
    setup: ModuleType, tmp_path: Path
) -> None:
    on_path = java(tmp_path / "bin", "11.0.2")
    beside = java(tmp_path / "jvm" / "java-17" / "bin", "17.0.2")
    assert str(beside) == setup.find_java({"PATH": str(on_path.parent)}, tmp_path / "jvm")


def test_no_java_is_none(setup: ModuleType, tmp_path: Path) -> None:
    assert setup.find_java({"PATH": str(tmp_path)}, tmp_path / "jvm") is None


@pytest.mark.parametrize(
    ("java_ok", "maven_ok", "jars_ok", "expected"),
    [
        (True, True, False, []),
        (True, False, False, ["maven"]),
        (False, True, False, ["default-jre-headless"]),
        (False, False, False, ["default-jre-headless", "maven"]),
        (True, False, True, []),
        (False, False, True, ["default-jre-headless"]),
    ],
)
def test_only_what_is_missing_is_asked_for(
    setup: ModuleType, java_ok: bool, maven_ok: bool, jars_ok: bool, expected: list[str]
) -> None:
    assert expected == setup.missing_packages(java_ok=java_ok, maven_ok=maven_ok, jars_ok=jars_ok)


def test_root_on_debian_installs_and_says_so(
    setup: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apt = program(tmp_path, "apt-get", "exit 0")
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command)
        return 0

    setup.install_packages(["maven"], "Maven", {"PATH": str(tmp_path)}, root=True, run=run)
    assert [[str(apt), "install", "-y", "--no-install-recommends", "maven"]] == ran
    assert "installing Debian packages with apt-get: maven" in capsys.readouterr().out


def test_a_failed_install_updates_the_lists_and_tries_again(setup: ModuleType, tmp_path: Path) -> None:
    program(tmp_path, "apt-get", "exit 0")
    codes = iter([100, 0, 0])
    ran: list[str] = []

    def run(command: list[str]) -> int:
        ran.append(command[1])
        return next(codes)

    setup.install_packages(["maven"], "Maven", {"PATH": str(tmp_path)}, root=True, run=run)
    assert ["install", "update", "install"] == ran


@pytest.mark.parametrize(
    ("root", "apt", "environ"),
    [(False, True, {}), (True, False, {}), (True, True, {"LODESTONE_NO_APT": "1"})],
    ids=["not-root", "not-debian", "forbidden"],
)
def test_otherwise_one_sentence_names_packages_and_docker(
    setup: ModuleType, tmp_path: Path, root: bool, apt: bool, environ: dict[str, str]
) -> None:
    if apt:
        program(tmp_path, "apt-get", "exit 0")
    with pytest.raises(setup.SetupError) as refused:
        setup.install_packages(
            ["default-jre-headless", "maven"],
            "Java 17 or newer and Maven",
            {"PATH": str(tmp_path), **environ},
            root=root,
        )
    assert (
        "Java 17 or newer and Maven are missing; install default-jre-headless maven "
        "(Debian: apt-get install default-jre-headless maven). "
        "Or use Docker instead: docker compose -f deploy/compose.yaml up --build"
    ) == str(refused.value)


def test_a_python_too_old_is_named(setup: ModuleType) -> None:
    with pytest.raises(setup.SetupError, match=r"Python 3\.11 or newer is needed, this is 3\.9"):
        setup.check_python((3, 9))
    setup.check_python((3, 11))


def test_jars_are_compared_with_their_checksums(setup: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"changed")
    (tmp_path / "d.jar").write_bytes(b"unexpected")
    a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert 1 == setup.check_jars(_only(tmp_path, "a.jar"), f"{a}  a.jar\n")
    with pytest.raises(setup.SetupError, match=r"b\.jar, c\.jar, d\.jar$"):
        setup.check_jars(tmp_path, f"{a}  a.jar\n{'0' * 64}  b.jar\n{'0' * 64}  c.jar\n")


def _only(folder: Path, name: str) -> Path:
    alone = folder / "alone"
    alone.mkdir()
    (alone / name).write_bytes((folder / name).read_bytes())
    return alone


def test_an_own_cluster_needs_neither_java_nor_jars(setup: ModuleType, tmp_path: Path) -> None:
    own = {"PATH": str(tmp_path), "LODESTONE_KAFKA_BOOTSTRAP": "127.0.0.1:9092"}
    for prepare in (setup.prepare_java, setup.prepare_kafka, setup.prepare_classes):
        prepare(tmp_path / "data", own)
    assert not (tmp_path / "data").exists()


def test_classes_that_are_gone_are_read_anew(
    setup: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here without jars, which a broker needs to read any: the reason is told, and asked again next time."""
    kafka = tmp_path / "kafka"
    kafka.mkdir()
    found = str(java(tmp_path / "bin", "17.0.1"))
    (kafka / "java").write_text(found)
    stamp, classes = kafka / "classes.sha256", kafka / "classes.jsa"
    stamp.write_text(setup.classes_wanted(found))
    classes.touch()
    digest = classes.with_name("classes.jsa.sha256")
    digest.write_text(hashlib.sha256(b"").hexdigest())
    setup.prepare_classes(tmp_path, os.environ)
    assert "" == capsys.readouterr().out
    for damage in (
        partial(digest.write_bytes, b"\xff"),
        partial(classes.write_text, "cut off"),
        partial(classes.unlink, missing_ok=True),
    ):
        damage()
        setup.prepare_classes(tmp_path, os.environ)
        told = capsys.readouterr().out
        assert re.search(
            r"not kept, so brokers start in twice the time .* Kafka's jars in .* are missing", told
        )


def test_the_data_folder_counts_from_the_checkout(setup: ModuleType) -> None:
    assert CHECKOUT / ".lodestone" == setup.data_dir({})
    assert CHECKOUT / "elsewhere" == setup.data_dir({"LODESTONE_DATA_DIR": "elsewhere"})
    assert Path("/elsewhere") == setup.data_dir({"LODESTONE_DATA_DIR": "/elsewhere"})


def test_a_failed_child_is_shown_with_its_last_lines(setup: ModuleType, tmp_path: Path) -> None:
    failing = program(tmp_path, "failing", "echo first; echo the reason; exit 3")
    with pytest.raises(setup.SetupError, match=r"(?s)trying failed .*run\.log.*the reason"):
        setup.run_with_progress(
            [str(failing)], tmp_path / "run.log", setup.re.compile("first"), "seen", "trying"
        )
    assert "first\nthe reason\n" == (tmp_path / "run.log").read_text()


def test_the_interpreter_of_a_moved_environment_is_made_anew(setup: ModuleType, tmp_path: Path) -> None:
    moved = tmp_path / ".venv"
    (moved / "bin").mkdir(parents=True)
    os.symlink(sys.executable, moved / "bin" / "python")
    python = setup.create_venv(moved)
    assert str(moved / "bin" / "python") == python
    assert (moved / "pyvenv.cfg").is_file()
    assert str(moved) in (moved / "bin" / "pip").read_text()


def test_one_package_is_taken_with_its_hashes_alone(setup: ModuleType) -> None:
    uv = "uv==2 \\\n    --hash=sha256:02 \\\n    --hash=sha256:03\n"
    requirements = f"a==1 \\\n    --hash=sha256:01\n{uv}    # via b\nuvicorn==3 \\\n    --hash=sha256:04\n"
    assert uv == setup.pinned("uv", requirements)
    assert setup.pinned("uv", setup.REQUIREMENTS.read_text()).startswith("uv==")
    with pytest.raises(setup.SetupError, match=r"v is not in requirements/development\.txt"):
        setup.pinned("v", requirements)


@pytest.mark.parametrize(
    ("settings", "directed"),
    [
        ("global.index-url='…'", True),
        (":env:.no-index='1'", True),
        ("global.proxy='…'", True),
        ("global.extra-index-url='…'", False),
        ("global.timeout='180'", False),
        ("", False),
    ],
)
def test_settings_that_only_pip_reads_are_pips_to_follow(
    setup: ModuleType, tmp_path: Path, settings: str, directed: bool
) -> None:
    python = program(tmp_path, "python", f'[ "$*" = "-m pip config list" ] && echo "{settings}"')
    assert directed is setup.pip_is_directed(str(python))


@pytest.mark.parametrize("exit_code", [0, 2])
def test_where_uv_fails_pip_takes_over_and_says_so(
    setup: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], exit_code: int
) -> None:
    pip = program(tmp_path, "pip", "exit 0")
    asked = tmp_path / "asked"
    program(tmp_path / "bin", "uv", f'echo "$*" > {asked}; echo the reason; exit {exit_code}')
    assert (exit_code == 0) is setup.install_with_uv([str(pip)], tmp_path / "setup.log")
    assert re.match(
        rf"pip install .*--require-hashes --python {pip} -r .*development\.txt", asked.read_text()
    )
    assert "the reason" in (tmp_path / "setup.log").read_text()
    assert (exit_code != 0) is ("pip does it" in capsys.readouterr().out)


def test_without_the_installer_nothing_is_tried_twice(setup: ModuleType, tmp_path: Path) -> None:
    pip = program(tmp_path, "pip", "echo no way to the packages; exit 1")
    with pytest.raises(
        setup.SetupError, match=r"(?s)fetching the installer .* failed .*no way to the packages"
    ):
        setup.install_with_uv([str(pip)], tmp_path / "setup.log")


def test_a_machine_without_maven_is_told_in_one_sentence_before_any_download(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("deploy", "requirements"):
        shutil.copytree(CHECKOUT / name, checkout / name)
    shutil.copy(CHECKOUT / "pyproject.toml", checkout)
    told = subprocess.run(
        [sys.executable, str(checkout / "deploy" / "setup.py")],
        env={"PATH": str(tmp_path), "LODESTONE_NO_APT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (5, "") == (told.returncode, told.stdout)
    assert re.search(r"set-up stopped: .*Maven (is|are) missing; install .*maven ", told.stderr)
    assert 1 == len(told.stderr.strip().splitlines())
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("built_with", "environ", "exit_code", "from_system"),
    [
        ("'--enable-shared'", {}, 0, True),
        ("'--enable-shared'", {"PYTHON": "python3"}, 0, False),
        ("'--enable-optimizations' '--with-lto'", {}, 0, False),
        ("'--enable-shared'", {}, 1, False),
    ],
    ids=["built-slow", "named", "optimised", "system-too-old-or-without-venv"],
)
def test_a_slow_interpreter_gives_way_to_the_systems(
    setup: ModuleType,
    tmp_path: Path,
    built_with: str,
    environ: dict[str, str],
    exit_code: int,
    from_system: bool,
) -> None:
    system = program(tmp_path, "python3", f"exit {exit_code}")
    expected = str(system) if from_system else sys.executable
    assert expected == setup.chosen_python(environ, built_with, system)


def test_the_systems_interpreter_need_not_exist(setup: ModuleType, tmp_path: Path) -> None:
    assert sys.executable == setup.chosen_python({}, "", tmp_path / "python3")
    same = tmp_path / "linked"
    same.symlink_to(sys.executable)
    assert sys.executable == setup.chosen_python({}, "", same)


def test_another_interpreter_of_the_system_stays(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = program(tmp_path / "bin", "python3", "exit 0")
    linked = tmp_path / "python3.99"
    linked.symlink_to(program(tmp_path / "bin", "python3.99", "exit 0"))
    monkeypatch.setattr(sys, "executable", str(linked))
    assert str(linked) == setup.chosen_python({}, "", system)


@pytest.mark.parametrize("version", ["(3, 10, 9)", "(3, 11, 0)"])
def test_the_systems_interpreter_is_asked_for_its_version(
    setup: ModuleType, tmp_path: Path, version: str
) -> None:
    probe = f'exec {sys.executable} -c "import sys; sys.version_info = {version}; $2"'
    system = program(tmp_path, "python3", probe)
    expected = str(system) if version == "(3, 11, 0)" else sys.executable
    assert expected == setup.chosen_python({}, "", system)
