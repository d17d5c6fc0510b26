"""The console's pages, as its router has them."""

import re

from sshcast.page import CONSOLE

ROUTE = re.compile(r'^  \["(/[^"]*)", "(\w+)"', re.MULTILINE)


def list_routes() -> list[tuple[str, str]]:
    """Return the path and the module's name of each page that is there."""
    app = CONSOLE / "app"
    found = ROUTE.findall((app / "router.js").read_text())
    return [(path, module) for path, module in found if (app / "pages" / f"{module}.js").is_file()]
