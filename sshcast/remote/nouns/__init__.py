"""The commands that work through the API, one file for each noun: `sshcast execution …`, `sshcast task …`."""

import typer

from sshcast.remote.nouns import contexts, executions


def add_to(app: typer.Typer) -> None:
    """Add the commands of all nouns to the command line."""
    app.command("login")(contexts.login)
    app.command("logout")(contexts.logout)
    app.add_typer(contexts.app, name="context")
    app.add_typer(executions.app, name="execution")
    app.add_typer(executions.app, name="runs", hidden=True)  # an alias
