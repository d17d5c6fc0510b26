"""Compute what follows from a change of a task: secret variables, limits, schedule, and what the policy checks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.models import Task
from resolvers import commands, parameters, schedules, secret_env, terms
from resolvers.context import Context
from resolvers.inputs import SecretVariable
from runner.admission.decision import PolicySubject
from runner.scheduling.terms import Terms

LIMITS = ("timeout_seconds", "output_limit", "on_output_limit")


def build_subject(columns: Mapping[str, Any], task_id: int | None = None) -> PolicySubject:
    """Return what the command policy checks of a task with these columns. Parameters without a value are unknown."""
    known = parameters.build_unknown(columns["parameters"], columns["parameter_values"])
    return secret_env.build_subject(columns, task_id, parameters=known)


def build_secrets(ctx: Context, current: Task, values: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of secret variables if they change. Invalid if a name is also that of a plain variable."""
    env = values.get("env", current.env)
    if "secret_env" in values:
        return secret_env.build_change(current, values["secret_env"], env, ctx.service.vault)
    if "env" in values:
        secret_env.check_sources([SecretVariable(name=name) for name in current.secret_env], env)
    return {}


def build_limits(ctx: Context, current: Task, values: dict[str, Any]) -> dict[str, Any]:
    if not values.keys() & set(LIMITS):
        return {}
    return commands.apply_limits(ctx.service.limits, *(values.get(name, getattr(current, name)) for name in LIMITS))


def build_schedule(ctx: Context, current: Task, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the new terms and `next_run` if the schedule, its zone, the terms or `enabled` change."""
    if not values.keys() & {"cron_expr", "timezone", "enabled", "terms"}:
        return {}
    new_terms = terms.merge_terms(current.terms, values["terms"]) if "terms" in values else current.terms
    expr, zone = values.get("cron_expr", current.cron_expr), values.get("timezone", current.timezone)
    same = (expr, zone) == (current.cron_expr, current.timezone)
    enabled, dst = values.get("enabled", current.enabled), Terms.of(new_terms).dst
    # An unchanged schedule is not checked again: the moment of an `@at` may have passed, or the floor been raised.
    if same and not enabled:
        return {"terms": new_terms, "next_run": None}
    limits = ctx.service.limits
    schedule = schedules.reparse(expr, zone, dst) if same else schedules.check(expr, zone, limits, now=now, dst=dst)
    offset = Terms.of(new_terms).offset(current.id)
    start = schedules.find_search_start(schedule, current, now - offset) if same else now - offset
    due = schedule.find_next(start) if enabled else None
    return {"terms": new_terms, "next_run": None if due is None else due.at + offset}
