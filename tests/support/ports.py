"""TCP ports of this machine."""

import socket


def free_port() -> int:
    """One that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
