"""Reads the SSHCAST_* variables as people and orchestrators write them, and finds those that are not settings."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

PREFIX = "SSHCAST_"
# Ours, and no settings: whom a command acts as and which service it speaks to, how much the tests try, and what a
# command finds that sshcast runs.
OTHERS = frozenset({"SSHCAST_AS", "SSHCAST_CONTEXT", "SSHCAST_SUITE", "SSHCAST_SPOOL"})
# Their empty values are refused by what reads them: something of our own making in their place would go unnoticed.
NEVER_UNSET = frozenset({"database_url", "signing_key", "secret_key"})
# Has its own words for blanks and quotes.
AS_IT_STANDS = frozenset({"database_url"})
# What Kubernetes gives every container for a Service called `sshcast`, or `sshcast-` and more.
SERVICE_LINK = re.compile(
    r"SSHCAST(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
PORT_LINK = re.compile(r"SSHCAST_([A-Z0-9_]+_)?PORT")
LINKED = ("tcp://", "udp://", "sctp://")
MOST_TOLD = 10
LIKENESS = 0.6


def values(environ: Mapping[str, str], lists: Mapping[str, bool]) -> dict[str, Any]:
    """Return the value given for each setting in `lists`, which tells whether it is a list; empty ones count as unset.

    Names may be in upper or lower case; if both are set, upper case wins.
    """
    given = {name.upper(): text for name, text in sorted(_ours(environ), key=lambda pair: pair[0].isupper())}
    found = {
        name: _read(name, given[variable], lists[name]) for name in lists if (variable := variable_of(name)) in given
    }
    return {name: value for name, value in found.items() if value != "" or name in NEVER_UNSET}


def unknown(environ: Mapping[str, str], names: Collection[str]) -> str | None:
    """Return a sentence with the SSHCAST_* variables not among the settings `names`, and the nearest that are."""
    known = {variable_of(name) for name in names} | OTHERS
    strangers = sorted(name for name, _ in _ours(environ) if name.upper() not in known)
    told = [f"{name} is not a setting{_nearest(name.upper(), known)}" for name in strangers[:MOST_TOLD]]
    if len(strangers) > MOST_TOLD:
        told.append(f"nor are {len(strangers) - MOST_TOLD} others")
    return "; ".join(told) or None


def variable_of(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _ours(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield all SSHCAST_* variables except those that Kubernetes sets."""
    return (pair for pair in environ.items() if pair[0].upper().startswith(PREFIX) and not _is_link(*pair))


def _is_link(name: str, text: str) -> bool:
    if SERVICE_LINK.fullmatch(name):
        return True
    return PORT_LINK.fullmatch(name) is not None and text.startswith(LINKED)


def _read(name: str, text: str, is_list: bool) -> Any:
    if name in AS_IT_STANDS:
        return text
    text = _strip_quotes(text)
    return _items(text) if is_list and text else text


def _strip_quotes(text: str) -> str:
    """Remove quotes that a shell would have removed, but `docker --env-file` and systemd leave in."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _items(text: str) -> Any:
    """Parse JSON or comma-separated items; return the text itself if it is neither."""
    if not text.startswith(("[", "{")):
        return [item for each in text.split(",") if (item := _strip_quotes(each))]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _nearest(name: str, known: Collection[str]) -> str:
    ends = {each.removeprefix(PREFIX): each for each in known}
    near = get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=LIKENESS)
    return f": did you mean {ends[near[0]]}?" if near else ""
