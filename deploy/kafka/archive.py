"""Creates the archive of Kafka's loaded classes for faster starts of brokers: starts one broker and stops it.

`make setup` runs it when jars or Java have changed. Without the file brokers start as well, in about twice
the processor time.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from market.children import LocalServerError
from market.embedded_kafka import OF_SHORT_RUNS, classes_digest, kafka_classes, local_kafka
from market.settings import Settings, load

START_SECONDS_MAX = 150
WRITING_SECONDS_MAX = 150


async def main() -> int:
    settings = load(
        environment="test",
        instance=f"archive-{os.getpid()}",
        kafka_port=0,
        kafka_security_protocol="PLAINTEXT",
        start_seconds_max=START_SECONDS_MAX,
    )
    try:
        await _keep(settings)
    except LocalServerError as error:
        print(error, file=sys.stderr)
        return 5
    finally:
        shutil.rmtree(settings.instance_dir, ignore_errors=True)
    return 0


async def _keep(settings: Settings) -> None:
    archive = kafka_classes(settings.data_dir)
    fresh = archive.with_suffix(".new")
    archive.unlink(missing_ok=True)
    keeping = f"{settings.kafka_java_options} -XX:ArchiveClassesAtExit={fresh}"
    started = False
    try:
        async with local_kafka(settings.model_copy(update={"kafka_java_options": keeping})):
            started = True
            os.kill(int((settings.instance_dir / "kafka" / "pid").read_text()), signal.SIGTERM)
            # Writing takes Java longer than a broker that stops is waited for.
            await asyncio.sleep(WRITING_SECONDS_MAX)
    except LocalServerError:
        if not started:
            raise
    _check(fresh, settings.data_dir / "kafka")
    with fresh.open("rb") as written:
        classes_digest(archive).write_text(hashlib.file_digest(written, "sha256").hexdigest())
        os.fsync(written.fileno())
    fresh.rename(archive)


def _check(archive: Path, folder: Path) -> None:
    """Java takes a file that was cut off as it is, and dies of it. LocalServerError."""
    command = [(folder / "java").read_text(), *OF_SHORT_RUNS, "-Xshare:on"]
    command += ["-XX:+VerifySharedSpaces", f"-XX:SharedArchiveFile={archive}"]
    command += ["-cp", f"{(folder / 'libs').resolve()}/*", "kafka.tools.StorageTool", "--help"]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        archive.unlink(missing_ok=True)
        raise LocalServerError(f"{archive} is not whole: {checked.stdout[-500:]}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
