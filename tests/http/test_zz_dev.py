import asyncio, os, sys
from pathlib import Path
import pytest
from tests.http.conftest import shop  # noqa
from tests.conftest import *  # noqa
from tests.http.test_schemathesis import served, parameters, CONFIG, ALL_ROLES

@pytest.mark.timeout(600)
async def test_dev(shop, tmp_path):
    seller = shop.scene.sellers[0]
    token = await shop.token(seller, *ALL_ROLES)
    config = tmp_path / "s.toml"
    config.write_text(CONFIG.format(examples=os.environ.get("N", "6")) + parameters(shop))
    from structlog.testing import capture_logs
    async with served(shop) as address:
      with capture_logs() as lines:
        with open("/tmp/st_dev.out", "wb") as out:
            p = await asyncio.create_subprocess_exec(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "--no-color", "run", f"{address}/schema/openapi.json", "--checks", "all", "--workers", os.environ.get("W","2"), "--warnings", "off", "--phases", os.environ.get("PH","examples,coverage"), "--header", f"Authorization: Bearer {token}", "--continue-on-failure", "--no-shrink", *os.environ.get("EXTRA","").split(), stdout=out, stderr=out, cwd=tmp_path)
            try:
                await asyncio.wait_for(p.wait(), 400)
            finally:
                if p.returncode is None: p.kill()
    import collections; print(collections.Counter(l["method"]+" "+l["route"] for l in lines).most_common(40)); print(collections.Counter(l["method"] for l in lines)); print("RC", p.returncode, len(lines), sum(l["duration_us"] for l in lines if "duration_us" in l)/1e6, [l for l in lines if l["event"]!="http_request"][:3])
