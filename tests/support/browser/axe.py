"""axe-core in a visitor's page: what of it people cannot see, read or reach."""

from typing import Any

from tests.support.browser.visit import Visit
from tests.support.npm import MODULES

GRAVE = ("serious", "critical")
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  ({id, impact, nodes}) => ({id, impact, places: nodes.slice(0, 5).map(
    ({target, failureSummary}) => `${target.join(" ")}: ${failureSummary}`)}))"""


async def load_axe(visit: Visit) -> None:
    """Load it into the page by the debugger, which the page's own policy does not bind."""
    await visit.page.evaluate((MODULES / "axe-core" / "axe.min.js").read_text())


async def find_faults(visit: Visit) -> list[dict[str, Any]]:
    """Return the serious faults of what the page shows now."""
    found: list[dict[str, Any]] = await visit.page.evaluate(RUN)
    return [fault for fault in found if fault["impact"] in GRAVE]
