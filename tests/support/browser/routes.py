"""The console's pages, as its router has them."""

import re

from sshcast.page import CONSOLE

# The overview's path is that of the link at the top, which differs where the service is under a path of its site.
ROUTE = re.compile(r'^  \[(?:TOP|"(/[^"]*)"), "(\w+)"', re.MULTILINE)


def list_routes() -> list[tuple[str, str]]:
    """Return the path and the module's name of each page that is there."""
    app = CONSOLE / "app"
    found = ROUTE.findall((app / "router.js").read_text())
    return [(path or "/", module) for path, module in found if (app / "pages" / f"{module}.js").is_file()]
