"""The console and the playground under a path of the site: no request leaves that path."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.runs import started
from tests.support.browser.visit import visiting
from tests.support.site_path import BASE, FORMS, under_a_path

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.mark.parametrize("form", FORMS)
async def test_the_console_and_the_playground_work_there(browser: Browser, tmp_path: Path, form: str) -> None:
    async with under_a_path(tmp_path, form) as (service, url):
        id = await started(service, "echo under a path", wait=10)
        async with visiting(browser, url, ignore_https_errors=True) as visit:
            asked: list[str] = []
            visit.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
            await visit.page.goto(f"{url}/")
            await visit.sign_in()
            await expect(visit.find("#places a[aria-current=page]")).to_have_attribute("href", f"{BASE}/")
            await visit.find(f'#places a[href="{BASE}/executions"]').click()
            await visit.find(f'a[href="{BASE}/executions/{id}"]').first.click()
            await expect(visit.find("#work")).to_contain_text("under a path")
            assert urlsplit(visit.page.url).path == f"{BASE}/executions/{id}"
            await visit.page.reload()
            await expect(visit.find("#work")).to_contain_text("under a path")
            await visit.find('#places a[href$="/graphql"]').click()
            await expect(visit.find("#query")).to_be_visible()
            await visit.run("70_watch_output", executionId=id)
            await visit.status("ended")
            await expect(visit.find("#output .stdout")).to_have_text("under a path\n")
        assert [path for path in asked if not path.startswith(f"{BASE}/")] == []
