"""The terminal of our page reads output as `sshcast.terminal` does, and no output makes it slow or large."""

import random
from typing import Any

import pytest
from playwright.async_api import expect

from sshcast.terminal import Sanitiser
from tests.support.browser.visit import Visit

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

BEGINNINGS = ["\x1b]", "\x1b[", "\x1b[3", "\x1bP", "\x9d", "\x9b", "\x1b ", "\x1b", "\x90"]
OTHERS = ["\x07", "\x1b\\", "\x9c", "1m", "H", "0;x", "界", "\n", "\t", "\x08", "\u202e", "a", " "]
FLOODED = ["\x1b]", "\x9d", "\x1bP\x1b", "\x1b[", "\x1b[31mx\x1b[32my", "\x1b[38;2;", "\r"]
FLOODS = [*(piece * 50_000 for piece in FLOODED), f"\x1b[{'38;' * 50_000}m"]
WRITE = """async (pieces) => {
  const { Terminal } = await import("/playground/terminal.js");
  const element = document.createElement("pre");
  const terminal = new Terminal(element);
  for (const piece of pieces) terminal.write("STDOUT", piece);
  const spans = [...element.querySelectorAll("span span")];
  return { text: element.textContent, spans: spans.map((span) => [span.className, span.textContent]) };
}"""


async def written(visit: Visit, *pieces: str) -> Any:
    """What a new terminal shows of these pieces; the visit's page is open."""
    return await visit.page.evaluate(WRITE, pieces)


async def test_it_leaves_out_what_the_command_line_leaves_out(visit: Visit) -> None:
    await visit.open()
    chance = random.Random(20261124)
    for _ in range(100):
        pieces = ["".join(chance.choices(BEGINNINGS + OTHERS, k=chance.randint(1, 12))) for _ in range(20)]
        expected = Sanitiser(colours=False)
        text = "".join(expected.feed(piece) for piece in pieces)
        assert (await written(visit, *pieces))["text"] == text, pieces


async def test_it_shows_the_colours_that_terminals_show(visit: Visit) -> None:
    await visit.open()
    found = await written(
        visit, "\x1b[1;31mr\x1b[22mo\x1b[39;44mb\x1b[0mn\x1b[95mm\x1b[38;5;12mi\x1b[38;5;196;4mu\x1b[mz"
    )
    assert found["spans"] == [
        ["bold fg-1", "r"],
        ["fg-1", "o"],
        ["bg-4", "b"],
        ["", "n"],
        ["fg-13", "m"],
        ["fg-12", "i"],
        ["underline", "u"],
        ["", "z"],
    ]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", FLOODS, ids=range(len(FLOODS)))
async def test_no_output_takes_more_than_one_reading_or_makes_more_than_so_many_elements(
    visit: Visit, text: str
) -> None:
    await visit.open()
    found = await written(visit, *[text] * 4)
    assert len(found["spans"]) <= 20_000
    await expect(visit.find("#sign-in")).to_be_visible()
