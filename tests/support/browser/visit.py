"""One visitor's page in real Chromium, whose network holds the service and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, Route, WebSocket, expect

from tests.support.rest import PASSWORD

# The page itself tells of whatever its policy refused.
WATCH_POLICY = """
window.refusals = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refusals.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass  # no slots: Playwright keeps what it wraps on the object
class Visit:
    """`strangers`: addresses beyond the service that the page asked for. `complaints`: what the console told of."""

    page: Page
    url: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def find(self, selector: str, **how: Any) -> Locator:
        return self.page.locator(selector, **how)

    async def open(self, path: str = "/graphql") -> None:
        await self.page.goto(self.url + path)

    async def sign_in(self, name: str = "the.operator", password: str = PASSWORD) -> None:
        await self.page.fill("input[name=username]", name)
        await self.page.fill("input[name=password]", password)
        await self.page.click("#sign-in button[type=submit]")

    async def inside(self, path: str = "/graphql", name: str = "the.operator", password: str = PASSWORD) -> None:
        """Open the page and sign in by password."""
        await self.open(path)
        await self.sign_in(name, password)
        await expect(self.find("#work")).to_be_visible()

    async def choose(self, example: str, **variables: str) -> None:
        """Choose an example of our own runner, and change its variables."""
        await self.page.click(f"button[data-name='{example}']")
        if variables:
            pairs = ", ".join(f'"{name}": "{value}"' for name, value in variables.items())
            await self.page.fill("#variables", "{" + pairs + "}")

    async def run(self, example: str, **variables: str) -> None:
        await self.choose(example, **variables)
        await self.page.click("#run")

    async def status(self, kind: str) -> None:
        """Wait until the status line shows this kind of news."""
        await expect(self.find(f"#status.{kind}")).to_be_visible(timeout=15_000)

    def note_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.note_address(request.url)

    def note_socket(self, socket: WebSocket) -> None:
        self.note_address(socket.url)

    def note_address(self, address: str) -> None:
        if urlsplit(address).netloc != urlsplit(self.url).netloc:
            self.strangers.append(address)

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def refusals(self) -> list[str]:
        found: list[str] = await self.page.evaluate("window.refusals")
        return found


@asynccontextmanager
async def visiting(browser: Browser, url: str, **context: Any) -> AsyncIterator[Visit]:
    """A visitor with an empty profile. Afterwards: nobody else was asked for anything, and nothing was refused."""
    made = await browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 760}, **context})
    page = await made.new_page()
    visit = Visit(page, url)
    await made.add_init_script(WATCH_POLICY)
    await made.route(lambda address: urlsplit(address).netloc != urlsplit(url).netloc, refuse)
    page.on("request", visit.note_request)
    page.on("websocket", visit.note_socket)
    page.on("console", visit.note_console)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}"))
    try:
        yield visit
        refusals = await visit.refusals()
        assert (refusals, visit.strangers, visit.complaints) == ([], [], []), (
            refusals,
            visit.strangers,
            visit.complaints,
        )
    finally:
        await made.close()


async def refuse(route: Route) -> None:
    await route.abort()
