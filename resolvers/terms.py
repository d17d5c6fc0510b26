"""Check the terms of a task's schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from db.values import Missed, Overlap
from resolvers import validation
from resolvers.errors import Invalid
from resolvers.inputs import TermsChange, collect_values
from runner.cron.schedule import Dst
from runner.scheduling.terms import RETRYABLE, Terms

DAY = 86_400
RULES = {
    "dst": lambda value: Dst(validation.check_one_of("dst", value, Dst)),
    "overlap": lambda value: Overlap(validation.check_one_of("overlap", value, Overlap)),
    "missed": lambda value: Missed(validation.check_one_of("missed", value, Missed)),
    "missed_cap": lambda value: validation.check_between("missed_cap", value, 1, 1000),
    "missed_window_seconds": lambda value: validation.check_between("missed_window_seconds", value, 1, 31 * DAY),
    "jitter_seconds": lambda value: validation.check_between("jitter_seconds", value, 0, DAY),
    "start_deadline_seconds": lambda value: (
        None if value is None else validation.check_between("start_deadline_seconds", value, 1, DAY)
    ),
    "retry_limit": lambda value: validation.check_between("retry_limit", value, 0, 20),
    "retry_delay_seconds": lambda value: validation.check_between("retry_delay_seconds", value, 1, 3600),
    "retry_on": lambda value: _check_retry_on(value),
}


def merge_terms(stored: Mapping[str, Any], change: TermsChange) -> dict[str, Any]:
    """Return the stored form of a task's terms with the changed ones replaced. Invalid names a field."""
    terms = Terms.of(stored)
    values = {item.name: getattr(terms, item.name) for item in fields(terms)}
    try:
        return Terms(**(values | validation.apply_rules(collect_values(change), RULES))).dump()
    except Invalid as error:
        error.field = ("terms", *error.field)
        raise


def _check_retry_on(reasons: Sequence[str]) -> tuple[Any, ...]:
    """Return the reasons without repeats, in a fixed order."""
    chosen = {validation.check_one_of("retry_on", reason, sorted(RETRYABLE)) for reason in reasons}
    if not chosen:
        raise Invalid("retry_on", "must name a reason (set retryLimit to 0 for no retries).", "至少须有一个原因。")
    return tuple(reason for reason in sorted(RETRYABLE) if reason in chosen)
