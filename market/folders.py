"""Where the checkout lies, and in it what is deployed with the code."""

from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
DEPLOY: Final = CHECKOUT / "deploy"
