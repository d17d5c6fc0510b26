"""Every block of shell in the documents is run: by a test that has the page, by this one, or not, with the reason.

A new block that is in none of the three tables fails a test.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command_words import find_unknown, list_inline_commands
from tests.support.pages import DOCS, FENCE, ROOT, list_pages, read, read_blocks
from tests.support.typist import split_commands

# Pages that a test runs whole: it reads whatever blocks are there.
WHOLE: Mapping[str, str] = {
    "README.md": "tests/flows/test_journeys.py::test_operations_from_a_clone_to_the_ledger",
    "README.zh.md": "tests/flows/test_journeys.py::test_an_operator_who_reads_chinese",
    "docs/api.md": "tests/test_api_page.py::test_the_commands_run_as_written_and_answer_as_shown",
    "docs/rest.md": "tests/sshcast/rest/test_page.py::test_the_commands_run_as_written",
}
HERE = "tests/docs/test_page_blocks.py"
DEPLOYMENT = "tests/flows/test_deployment.py::test_from_nothing_to_https_and_a_run_that_is_watched_live"
FIRST_EVENT = "tests/clients/test_first_event.py::test_the_section_leads_to_the_first_event"
OPERATIONS = "tests/sshcast/backup/test_operations_page.py::test_the_commands_of_its_blocks_run_as_they_stand"
# Each other block, by its page and how it begins, and the test that runs it.
BLOCKS: Mapping[tuple[str, str], str] = {
    ("docs/apply.md", "sshcast export fleet.yaml"): f"{HERE}::test_a_service_is_exported_and_applied_to_another",
    ("docs/clients.md", ": >log"): f"{HERE}::test_a_loop_of_curl_copies_an_output",
    ("docs/clients.md", "#!/bin/sh"): "tests/clients/test_programs.py"
    "::test_a_program_that_is_cut_off_three_times_prints_every_byte_once",
    ("docs/clients.md", "python3 run.py"): FIRST_EVENT,
    ("docs/clients.md", "mkdir first-event"): FIRST_EVENT,
    ("docs/clients.md", "npx graphql-codegen"): FIRST_EVENT,
    ("docs/crontab.md", "sshcast crontab import"): "tests/sshcast/remote/test_crontab_page.py"
    "::test_the_commands_of_the_first_block_run_as_they_stand",
    ("docs/deploy.md", "apt-get install"): DEPLOYMENT,
    ("docs/deploy.md", "sudo -u postgres createuser"): DEPLOYMENT,
    ("docs/deploy.md", "install -d /etc/sshcast"): DEPLOYMENT,
    ("docs/deploy.md", "as_sshcast()"): DEPLOYMENT,
    ("docs/deploy.md", "cp deploy/systemd"): DEPLOYMENT,
    ("docs/deploy.md", "install -d /etc/ssl"): DEPLOYMENT,
    ("docs/deploy.md", "sshcast serve --host 0.0.0.0"): f"{HERE}::test_a_service_serves_https_by_itself",
    ("docs/encodings.md", "cat "): f"{HERE}::test_a_file_whose_name_is_in_gbk_is_found",
    ("docs/operations.md", "sshcast doctor"): OPERATIONS,
    ("docs/operations.md", "sshcast backup"): OPERATIONS,
    ("docs/operations.md", "pg_dump"): f"{HERE}::test_a_database_is_dumped_and_restored",
    ("docs/operations.md", "createdb"): f"{HERE}::test_a_database_is_dumped_and_restored",
    ("docs/security.md", "SSHCAST_PUBLIC_URL="): f"{HERE}::test_the_settings_of_an_identity_provider_are_taken",
    ("docs/security.md", "sshcast user add grace"): f"{HERE}::test_a_user_is_granted_a_role_on_a_tag",
}
NOT_RUN: Mapping[tuple[str, str], str] = {
    ("CONTRIBUTING.md", "uv pip compile"): "it asks the index for newer versions of everything and rewrites the locks",
    (
        "bench/README.md",
        "python -m bench.exec",
    ): "minutes, and figures of an idle machine; tests/test_bench.py runs a small form",
    ("docs/deploy.md", "printf 'POSTGRES_PASSWORD"): "it needs a docker daemon and published images; "
    "tests/deploy/test_image.py builds the image, starts it as the compose file says, and the page says on what",
}
SHELLS = {"bash", "shell", "console", "zsh", "sh-session", "shell-session"}


@dataclass(frozen=True, slots=True)
class Block:
    page: str
    text: str

    def find_in(self, table: Mapping[tuple[str, str], str]) -> list[str]:
        """What the table has for the block: one entry, or none."""
        return [value for (page, begin), value in table.items() if page == self.page and self.text.startswith(begin)]


def list_blocks() -> list[Block]:
    """The blocks of every page, but of translations that repeat them."""
    pages = {str(page.relative_to(ROOT)): page for page in list_pages()}
    originals = {name: page for name, page in pages.items() if name in WHOLE or not name.endswith(".zh.md")}
    return [Block(name, text) for name, page in originals.items() for text in read_blocks(page)]


@pytest.mark.parametrize("block", list_blocks(), ids=lambda block: f"{block.page}: {block.text.splitlines()[0][:40]}")
def test_a_block_is_run_by_a_test_or_has_a_reason_why_not(block: Block) -> None:
    whole = [WHOLE[block.page]] if block.page in WHOLE else []
    found = [*whole, *block.find_in(BLOCKS), *block.find_in(NOT_RUN)]
    assert len(found) == 1, f"{block.page} has a block that no table of {__name__} names once:\n{block.text}"


def test_the_tables_name_only_blocks_that_are_there() -> None:
    blocks = list_blocks()
    tables = {key: value for table in (BLOCKS, NOT_RUN) for key, value in table.items()}
    unused = [key for key in tables if not any(block.find_in({key: ""}) for block in blocks)]
    assert unused == []
    assert set(WHOLE) <= {block.page for block in blocks}


def list_journeys() -> list[re.Match[str]]:
    """The rows of the table of journeys: what each is called, and its test."""
    return list(re.finditer(r"^\| ([^|]+) \|.*\| `(tests/\S+::\w+)` \|$", read(ROOT / "CONTRIBUTING.md"), re.MULTILINE))


def test_the_five_journeys_are_named() -> None:
    assert [found[1] for found in list_journeys()] == [
        "operations in five minutes",
        "front-end client from codegen",
        "log watcher",
        "Chinese operator",
        "deployment",
    ]
    assert "front-end client from codegen" in read(DOCS / "clients.md")


@pytest.mark.parametrize("name", sorted({*WHOLE.values(), *BLOCKS.values(), *(found[2] for found in list_journeys())}))
def test_a_test_that_is_named_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert re.search(rf"^(async )?def {test}\(", read(ROOT / path), re.MULTILINE), name


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.zh.md")), ids=lambda page: page.name)
def test_a_translation_has_the_commands_of_its_original(page: Path) -> None:
    """So that what runs the one has run the other. Comments are translated."""
    original, translated = (
        [list(split_commands(block)) for block in read_blocks(each)]
        for each in (page.with_name(page.name.replace(".zh.md", ".md")), page)
    )
    assert translated == original


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_within_a_sentence_or_a_table_is_there_with_its_options(page: Path) -> None:
    named = [line for line in list_inline_commands(read(page)) if not line.startswith("sshcast COMMAND ")]
    assert {line: unknown for line in named if (unknown := find_unknown(line))} == {}


def test_a_command_that_is_not_there_is_seen() -> None:
    """So that the test above can fail."""
    wrong = {"sshcast tusk list": "tusk", "sshcast task lost": "lost", "sshcast task list --lots": "--lots"}
    assert {line: find_unknown(line) for line in wrong} == wrong
    assert find_unknown("sshcast run web-1 -- ls --lots") is None


def test_shell_is_marked_sh_so_that_it_is_found() -> None:
    marked = [(page.name, name) for page in list_pages() for _, _, name, _ in FENCE.findall(read(page))]
    assert [each for each in marked if each[1].split()[:1] and each[1].split()[0] in SHELLS] == []
    plain = [text for page in list_pages() for _, _, name, text in FENCE.findall(read(page)) if name == ""]
    assert [text for text in plain if re.match(r"(\$ |sshcast |curl |python3? )", text)] == []
