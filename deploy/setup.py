"""Prepare a checkout: the virtual environment in `.venv`, the Kafka jars under the data folder.

Needs Python 3.11 and nothing else; runs as root or not; a second run changes nothing.
Environment: LODESTONE_DATA_DIR (default `.lodestone` in the checkout), LODESTONE_NO_APT=1 (install no system
package), LODESTONE_KAFKA_BOOTSTRAP (an own cluster: no Java, Maven or jars are needed), PYTHON (what a new
`.venv` is made with; without it the system's own may stand in, see `chosen_python`).
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from steps import COMPOSE_ALTERNATIVE, ROOT, SetupError, install_packages, run_with_progress, say

REQUIREMENTS = ROOT / "requirements" / "development.txt"
POM = ROOT / "deploy" / "kafka" / "pom.xml"
JAR_CHECKSUMS = ROOT / "deploy" / "kafka" / "jars.sha256"
PYTHON_OLDEST = (3, 11)
SYSTEM_PYTHON = Path("/usr/bin/python3")
JAVA_OLDEST = 17
JAVA_PACKAGE = "default-jre-headless"
MAVEN_PACKAGE = "maven"
NEEDED = {JAVA_PACKAGE: f"Java {JAVA_OLDEST} or newer", MAVEN_PACKAGE: "Maven"}


def main() -> int:
    try:
        check_python(sys.version_info[:2])
        data = data_dir(os.environ)
        prepare_java(data, os.environ)
        prepare_environment()
        prepare_kafka(data, os.environ)
        prepare_classes(data, os.environ)
    except SetupError as error:
        print(f"\nset-up stopped: {error}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        print("\nset-up interrupted; run it again to continue", file=sys.stderr)
        return 130
    return 0


def data_dir(environ: Mapping[str, str]) -> Path:
    return (ROOT / Path(environ.get("LODESTONE_DATA_DIR") or ".lodestone").expanduser()).resolve()


def check_python(version: tuple[int, ...]) -> None:
    if version < PYTHON_OLDEST:
        raise SetupError(
            f"Python {'.'.join(map(str, PYTHON_OLDEST))} or newer is needed, this is "
            f"{'.'.join(map(str, version))}; name a newer one with: make setup PYTHON=python3.11"
        )


# --- Python packages


def prepare_environment() -> None:
    """Create `.venv` with exactly the hashed requirements and the project itself (editable)."""
    venv = ROOT / ".venv"
    stamp = venv / "lodestone-setup.sha256"
    wanted = environment_fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted and (venv / "bin" / "lodestone").exists():
        return
    say(f"[1/2] Python packages into {venv}")
    python = create_venv(venv)
    log = venv / "setup.log"
    pip = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "--no-compile",  # half of all the work; what is imported is compiled then
    ]
    if pip_is_directed(python) or not install_with_uv(pip, log):
        count = len(re.findall(r"^[A-Za-z0-9][\w.-]*==", REQUIREMENTS.read_text(), re.MULTILINE))
        run_with_progress(
            [*pip, "--require-hashes", "-r", str(REQUIREMENTS)],
            log,
            re.compile(r"^(Collecting|Requirement already satisfied)"),
            f"of about {count} packages resolved",
            "installing the Python packages",
        )
    run_with_progress(
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        log,
        re.compile(r"^Successfully installed"),
        "project linked",
        "linking the project into its environment",
    )
    stamp.write_text(wanted)


def pip_is_directed(python: str) -> bool:
    """Whether pip's own settings, which uv does not read, say from where packages are downloaded."""
    shown = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return re.search(r"\.(index-url|no-index|proxy|client-cert)=", shown.stdout) is not None


def install_with_uv(pip: list[str], log: Path) -> bool:
    """Whether uv, fetched by pip under its hash, installed all packages: an eighth of the processor time."""
    wanted = log.with_name("uv.txt")
    wanted.write_text(pinned("uv", REQUIREMENTS.read_text()))
    run_with_progress(
        [*pip, "--require-hashes", "-r", str(wanted)],
        log,
        re.compile(r"^(Collecting|Requirement already satisfied)"),
        "installer fetched",
        "fetching the installer of Python packages",
    )
    command = [
        *(str(log.with_name("bin") / "uv"), "pip", "install", "--system-certs", "--require-hashes"),
        *("--python", pip[0], "-r", str(REQUIREMENTS), *([] if home_is_writable() else ["--no-cache"])),
    ]
    try:
        run_with_progress(
            command,
            log,
            re.compile(r"^ (Downloaded|\+) "),
            "packages downloaded or installed",
            "installing the Python packages",
        )
    except SetupError:
        say(f"      uv could not install them ({log} says why): pip does it")
        return False
    return True


def pinned(name: str, requirements: str) -> str:
    """The lines of one package, its hashes with it."""
    found = re.search(rf"^{name}==(?:.*\\\n)*.*\n", requirements, re.MULTILINE)
    if found is None:
        raise SetupError(f"{name} is not in {REQUIREMENTS.relative_to(ROOT)}")
    return found.group()


def environment_fingerprint() -> str:
    digest = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for path in (REQUIREMENTS, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def create_venv(venv: Path) -> str:
    """Returns the interpreter of a working virtual environment; one that was moved or broken is made anew."""
    python = str(venv / "bin" / "python")
    probe = "import sys, pip; print(sys.prefix)"
    if Path(python).exists():
        found = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
        pip_script = venv / "bin" / "pip"
        moved = not pip_script.exists() or str(venv) not in pip_script.read_text(errors="replace")[:512]
        if found.returncode == 0 and found.stdout.strip() == str(venv) and not moved:
            return python
        shutil.rmtree(venv)
    chosen = chosen_python(os.environ, str(sysconfig.get_config_var("CONFIG_ARGS")))
    if chosen != sys.executable:
        say(f"      with {chosen}: {sys.executable} was built without optimisations (PYTHON=… names another)")
    elif importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        packages = [f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"]
        install_packages(packages, "Python's venv module", os.environ)
    made = subprocess.run([chosen, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise SetupError(f"python -m venv failed: {(made.stdout + made.stderr).strip()}")
    return python


def chosen_python(environ: Mapping[str, str], built_with: str, system: Path = SYSTEM_PYTHON) -> str:
    """The interpreter for the environment: this one, or the system's if this one is slow.

    An interpreter built from source without `--enable-optimizations` (`built_with`: the arguments of its
    configure script) takes about a third more time. A system's package is optimised in any case, whichever of
    its versions this one is.
    """
    if environ.get("PYTHON") or "--enable-optimizations" in built_with or not system.exists():
        return sys.executable
    beside = Path(sys.executable).resolve().is_relative_to(system.parent.resolve())
    if beside or system.samefile(sys.executable):
        return sys.executable
    probe = "import sys, ensurepip, venv; sys.exit(sys.version_info[:2] < " + f"{PYTHON_OLDEST})"
    found = subprocess.run([str(system), "-c", probe], capture_output=True, check=False)
    return str(system) if found.returncode == 0 else sys.executable


# --- Kafka


def prepare_java(data: Path, environ: Mapping[str, str]) -> None:
    """Java, and Maven if jars have to be copied; checked first, so that a missing one is reported before
    downloads."""
    if environ.get("LODESTONE_KAFKA_BOOTSTRAP"):
        return
    java = find_java(environ)
    maven_ok = shutil.which("mvn", path=environ.get("PATH")) is not None
    packages = missing_packages(java_ok=java is not None, maven_ok=maven_ok, jars_ok=jars_copied(data))
    if packages:
        install_packages(packages, " and ".join(NEEDED[name] for name in packages), environ)
        java = find_java(environ)
        if java is None:
            raise SetupError(
                f"{JAVA_PACKAGE} did not bring Java {JAVA_OLDEST} or newer. {COMPOSE_ALTERNATIVE}"
            )
    noted = data / "kafka" / "java"
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(java or "")


def jars_wanted() -> str:
    return hashlib.sha256(POM.read_bytes() + JAR_CHECKSUMS.read_bytes()).hexdigest()


def jars_copied(data: Path) -> bool:
    stamp = data / "kafka" / "libs.sha256"
    return stamp.is_file() and stamp.read_text() == jars_wanted() and (data / "kafka" / "libs").is_dir()


def prepare_kafka(data: Path, environ: Mapping[str, str]) -> None:
    """Copy the Kafka jars to `<data>/kafka/libs`, each checked against its committed SHA-256."""
    if environ.get("LODESTONE_KAFKA_BOOTSTRAP") or jars_copied(data):
        return
    libs = data / "kafka" / "libs"
    say(f"[2/2] Apache Kafka's jars into {libs}")
    fresh = libs.with_name("libs.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    command = [
        *("mvn", "-B", "-Dstyle.color=never", "-f", str(POM), *maven_repository(data)),
        *("dependency:copy-dependencies", f"-DoutputDirectory={fresh}"),
    ]
    run_with_progress(
        command,
        data / "kafka" / "setup.log",
        re.compile(r"^\[INFO\] Downloaded .*\.jar"),
        "jars downloaded",
        f"copying Apache Kafka's jars with Maven ({COMPOSE_ALTERNATIVE}; or name a cluster in "
        "LODESTONE_KAFKA_BOOTSTRAP)",
    )
    count = check_jars(fresh, JAR_CHECKSUMS.read_text())
    shutil.rmtree(libs, ignore_errors=True)
    fresh.rename(libs)
    libs.with_name("libs.sha256").write_text(jars_wanted())
    say(f"      {count} jars stand there, each with its committed SHA-256")


def prepare_classes(data: Path, environ: Mapping[str, str]) -> None:
    """Creates the archive of Kafka's loaded classes; without it, a start of a broker takes longer."""
    java = data / "kafka" / "java"
    if environ.get("LODESTONE_KAFKA_BOOTSTRAP") or not java.is_file():
        return
    wanted = classes_wanted(java.read_text())
    stamp = data / "kafka" / "classes.sha256"
    kept = data / "kafka" / "classes.jsa"
    if stamp.is_file() and stamp.read_text() == wanted and is_whole(kept):
        return
    say("      reading Kafka's classes for quicker starts")
    child = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", ROOT / "deploy" / "kafka" / "archive.py"],
        cwd=ROOT,
        env={**environ, "LODESTONE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        told = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        say(f"      not kept, so brokers start in twice the time until the next set-up: {told[-1]}")
        return
    stamp.write_text(wanted)


def is_whole(kept: Path) -> bool:
    """Whether the file exists unchanged; a broker does not start with a damaged one."""
    digest = kept.with_name(kept.name + ".sha256")
    if not kept.is_file() or not digest.is_file():
        return False
    with kept.open("rb") as found:
        return hashlib.file_digest(found, "sha256").hexdigest().encode() == digest.read_bytes()


def classes_wanted(java: str) -> str:
    """Of which jars and which Java."""
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return hashlib.sha256(f"{jars_wanted()}{java}{shown}".encode()).hexdigest()


def maven_repository(data: Path) -> list[str]:
    """Maven keeps downloads in the home folder; a user without one keeps them in the data folder."""
    return [] if home_is_writable() else [f"-Dmaven.repo.local={data / 'kafka' / 'maven'}"]


def home_is_writable() -> bool:
    try:
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return False
    return os.access(home, os.W_OK)


def missing_packages(*, java_ok: bool, maven_ok: bool, jars_ok: bool) -> list[str]:
    """Maven is needed only to copy the jars; Java always."""
    packages = [] if java_ok else [JAVA_PACKAGE]
    if not maven_ok and not jars_ok:
        packages.append(MAVEN_PACKAGE)
    return packages


def find_java(environ: Mapping[str, str], system: Path = Path("/usr/lib/jvm")) -> str | None:
    """The first Java that is new enough: JAVA_HOME, PATH, then Debian's folder of virtual machines."""
    candidates = []
    if environ.get("JAVA_HOME"):
        candidates.append(str(Path(environ["JAVA_HOME"]) / "bin" / "java"))
    on_path = shutil.which("java", path=environ.get("PATH"))
    if on_path:
        candidates.append(on_path)
    candidates.extend(sorted(map(str, system.glob("*/bin/java")), reverse=True))
    for candidate in candidates:
        version = java_version(candidate)
        if version is not None and version >= JAVA_OLDEST:
            return candidate
    return None


def java_version(java: str) -> int | None:
    """Major version, None when the file does not run; `1.8.0_402` counts as 8."""
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', shown.stderr + shown.stdout)
    return int(found.group(1)) if found and shown.returncode == 0 else None


def check_jars(folder: Path, checksums: str) -> int:
    """The number of jars. Raises SetupError naming every jar that is missing, unexpected or different."""
    wanted = {}
    for line in checksums.splitlines():
        digest, name = line.split()
        wanted[name] = digest
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.jar"))
    }
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if differing:
        raise SetupError(f"these jars do not match {JAR_CHECKSUMS.relative_to(ROOT)}: {', '.join(differing)}")
    return len(found)


if __name__ == "__main__":
    raise SystemExit(main())
