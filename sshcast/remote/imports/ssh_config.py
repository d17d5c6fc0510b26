"""Reads ssh's configuration as ssh(1) does: of each option the first value that applies to a host counts.

`Match` blocks are not read, since what they ask for (a command's success, the network) is not known of the service.
See ssh_config(5).
"""

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sshcast.errors import CommandFailed
from sshcast.remote.credentials import read_text
from sshcast.remote.imports.ssh_words import split_keyword, split_words
from sshcast.words import choose

DEEPEST = 16
WHOLE_LINE = ("proxycommand", "localcommand", "remotecommand")
SEVERAL = ("identityfile", "certificatefile")
Patterns = tuple[str, ...]
NEVER: Patterns = ()


@dataclass(frozen=True, slots=True)
class Option:
    """A line, and the Host lines that it is under: all must match, where an Include is in a block itself."""

    keyword: str
    words: tuple[str, ...]
    conditions: tuple[Patterns, ...]
    where: str


@dataclass(frozen=True, slots=True)
class SshConfig:
    """A configuration with what it includes. `unread`: what in it was not read, and where."""

    options: list[Option] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The names without wildcards on Host lines, and where each is first."""
    unread: list[str] = field(default_factory=list)

    def resolve(self, name: str) -> dict[str, list[str]]:
        """Return the values of each option for a host that ssh is called with as `name`."""
        found: dict[str, list[str]] = {}
        for option in self.options:
            if not all(_matches(patterns, name) for patterns in option.conditions):
                continue
            if option.keyword in SEVERAL:
                found.setdefault(option.keyword, []).extend(option.words[:1])
            elif option.keyword not in _find_rivals(option.keyword, found):
                found[option.keyword] = list(option.words)
        return found


def read_config(path: Path) -> SshConfig:
    """Read a file and those that it includes. Raise CommandFailed if it cannot be read."""
    config = SshConfig()
    _read_file(config, path, (), 0)
    return config


def _find_rivals(keyword: str, found: dict[str, list[str]]) -> Sequence[str]:
    """Return the keywords that are decided: ProxyJump and ProxyCommand exclude each other, the first one counts."""
    proxies = ("proxyjump", "proxycommand")
    if keyword in proxies and any(each in found for each in proxies):
        return proxies
    return tuple(found)


def _read_file(config: SshConfig, path: Path, outer: tuple[Patterns, ...], depth: int) -> None:
    if depth > DEEPEST:
        raise CommandFailed(
            choose(
                f"{path}: Include goes {DEEPEST} files deep; does a file include itself?",
                f"{path}：Include 已深达 {DEEPEST} 层；是否有文件包含了自身？",
            )
        )
    conditions = outer
    for number, line in enumerate(read_text(path).split("\n"), 1):
        found = split_keyword(line)
        if found is None:
            continue
        keyword, rest, where = *found, f"{path}:{number}"
        words = _split(keyword, rest, where)
        if keyword == "host":
            conditions = (*outer, words)
            config.names.update({name: where for name in _list_names(words) if name not in config.names})
        elif keyword == "match":
            conditions = outer if _is_all(words) else (*outer, NEVER)
            if not _is_all(words):
                config.unread.append(
                    choose(
                        f"{where}: Match {rest.strip()} is not read, nor the lines under it",
                        f"{where}：未读取 Match {rest.strip()} 及其下的各行",
                    )
                )
        elif keyword == "include":
            for included in _find_included(words):
                _read_file(config, included, conditions, depth + 1)
        elif words:
            config.options.append(Option(keyword, words, conditions, where))


def _split(keyword: str, rest: str, where: str) -> tuple[str, ...]:
    if keyword in WHOLE_LINE:
        return (rest.strip(),) if rest.strip() else ()
    try:
        return tuple(split_words(rest))
    except ValueError as error:
        raise CommandFailed(choose(f"{where}: {error}", f"{where}：{error}")) from None


def _is_all(words: Sequence[str]) -> bool:
    return [word.lower() for word in words] == ["all"]


def _list_names(patterns: Sequence[str]) -> Iterator[str]:
    return (each for each in patterns if not each.startswith("!") and not set("*?") & set(each))


def _find_included(words: Sequence[str]) -> Iterator[Path]:
    """Yield the files of an Include: as in ssh, relative ones are in ~/.ssh, and missing ones are skipped."""
    for word in words:
        pattern = Path(word).expanduser() if word.startswith("~") else Path.home() / ".ssh" / word
        yield from (Path(each) for each in sorted(glob.glob(str(pattern))) if Path(each).is_file())


def _matches(patterns: Patterns, name: str) -> bool:
    if any(each.startswith("!") and _is_like(name, each[1:]) for each in patterns):
        return False
    return any(not each.startswith("!") and _is_like(name, each) for each in patterns)


def _is_like(name: str, pattern: str) -> bool:
    """Tell whether the name matches a pattern in which * and ? alone are wildcards."""
    parts = [{"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern]
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None
