"""How failures of jump servers are told: in the messages of the servers behind them, by id and name."""

from runner.ssh.protocol import ConnectFailed, Endpoint


def name_jump(id: int, name: str) -> str:
    """Return how a message names a jump server; by the id it is hidden from those who may not see that server."""
    return f"Jump server {id} ({name})"


def explain_jump_failure(jump: Endpoint, error: ConnectFailed) -> ConnectFailed:
    """Return the error of a connection to a jump server, as the servers behind it report it."""
    if error.at_jump:
        return error.renew()
    detail = f"{name_jump(jump.server_id, jump.name)}: {error.detail}"
    return ConnectFailed(error.reason, detail, passing=error.passing, at_jump=True)
