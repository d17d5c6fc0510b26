"""A service under a path of its site, behind a real nginx."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.browser.proxy import NAME, nginx
from tests.support.ports import free_port
from tests.support.service import Running, running

# What nginx does with the path by the last slash of proxy_pass's address.
FORMS = {"a proxy that takes the path off": "/", "a proxy that leaves it there": "/tools/sshcast/"}
BASE = "/tools/sshcast"


@asynccontextmanager
async def under_a_path(folder: Path, form: str) -> AsyncIterator[tuple[Running, str]]:
    """A service at https://sshcast.example:PORT/tools/sshcast, and that address."""
    port = free_port()
    url = f"https://{NAME}:{port}{BASE}"
    async with running(folder, drive=True, public_url=url, trusted_proxies=["127.0.0.1"]) as service:
        # All but the path is answered by nobody, so what leads there shows.
        elsewhere = "location ~ ^/(?!tools/sshcast/) { return 418; }"
        target = service.url + FORMS[form]
        folder = folder / "nginx"
        async with nginx(folder, port=port, target=target, host="$http_host", more=elsewhere, location=f"{BASE}/"):
            yield service, url
