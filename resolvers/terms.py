"""The terms of a task's schedule as the caller wrote them, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from db.values import Missed, Overlap
from resolvers import rules
from resolvers.errors import Invalid
from resolvers.inputs import TermsChange, given
from runner.cron import Dst
from runner.terms import RETRYABLE, Terms

DAY = 86_400
RULES = {
    "dst": lambda value: Dst(rules.one_of("dst", value, Dst)),
    "overlap": lambda value: Overlap(rules.one_of("overlap", value, Overlap)),
    "missed": lambda value: Missed(rules.one_of("missed", value, Missed)),
    "missed_cap": lambda value: rules.between("missed_cap", value, 1, 1000),
    "missed_window_seconds": lambda value: rules.between("missed_window_seconds", value, 1, 31 * DAY),
    "jitter_seconds": lambda value: rules.between("jitter_seconds", value, 0, DAY),
    "start_deadline_seconds": lambda value: (
        None if value is None else rules.between("start_deadline_seconds", value, 1, DAY)
    ),
    "retry_limit": lambda value: rules.between("retry_limit", value, 0, 20),
    "retry_delay_seconds": lambda value: rules.between("retry_delay_seconds", value, 1, 3600),
    "retry_on": lambda value: retry_on(value),
}


def changed(kept: Mapping[str, Any], change: TermsChange) -> dict[str, Any]:
    """A task's terms with what the caller named in place of what was kept, as they are kept. Invalid names a field."""
    terms = Terms.of(kept)
    values = {item.name: getattr(terms, item.name) for item in fields(terms)}
    try:
        return Terms(**(values | rules.apply(given(change), RULES))).kept()
    except Invalid as error:
        error.field = ("terms", *error.field)
        raise


def retry_on(reasons: Sequence[str]) -> tuple[Any, ...]:
    """Reasons of failure, once each, in a fixed order."""
    chosen = {rules.one_of("retry_on", reason, sorted(RETRYABLE)) for reason in reasons}
    if not chosen:
        raise Invalid("retry_on", "must name a reason (set retryLimit to 0 for no retries).", "至少须有一个原因。")
    return tuple(reason for reason in sorted(RETRYABLE) if reason in chosen)
