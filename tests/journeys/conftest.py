"""An instance of its own for each journey."""

import os
import shutil
from collections.abc import Iterator

import pytest

from market.settings import load


@pytest.fixture
def instance() -> Iterator[dict[str, str]]:
    """The environment of an instance of its own; its data go with the test."""
    name = f"journey-{os.getpid()}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LODESTONE_")}
    folder = load(instance=name).instance_dir
    yield kept | {
        "LODESTONE_INSTANCE": name,
        "LODESTONE_HTTP_PORT": "0",
        "LODESTONE_KAFKA_PORT": "0",
        "LODESTONE_LOG_FORMAT": "json",
        "LODESTONE_START_SECONDS_MAX": "150",
        "NO_COLOR": "1",
    }
    shutil.rmtree(folder, ignore_errors=True)
