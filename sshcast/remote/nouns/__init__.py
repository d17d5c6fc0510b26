"""The commands that work through the API, one file for each noun: `sshcast execution …`, `sshcast task …`."""

import typer

from sshcast.remote.nouns import (
    contexts,
    events,
    executions,
    fleets,
    grants,
    personal_tokens,
    policies,
    schedules,
    secrets,
    tasks,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of all nouns to the command line."""
    app.command("login")(contexts.login)
    app.command("logout")(contexts.logout)
    app.add_typer(contexts.app, name="context")
    app.command("events")(events.show_events)
    app.command("watch")(events.watch)
    app.add_typer(executions.app, name="execution")
    app.add_typer(executions.app, name="runs", hidden=True)  # an alias
    app.add_typer(fleets.app, name="fleet")
    app.add_typer(grants.app, name="grant")
    app.add_typer(personal_tokens.app, name="personal-token")
    app.add_typer(policies.app, name="policy")
    app.add_typer(schedules.app, name="schedule")
    app.add_typer(secrets.app, name="secret")
    app.add_typer(tasks.app, name="task")
