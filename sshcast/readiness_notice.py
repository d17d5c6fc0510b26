"""Tells systemd when the service is ready and when it stops (Type=notify), if systemd asks for it."""

import os
import socket

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """Send a state such as READY=1 to the socket that systemd names, if it names one. See sd_notify(3)."""
    address = os.environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        sock.sendall(state.encode())
