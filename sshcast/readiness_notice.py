"""Tells systemd when the service is ready and when it stops (Type=notify), if systemd asks for it."""

import os
import socket

from runner.log import get_logger

log = get_logger()

VARIABLE = "NOTIFY_SOCKET"
PATIENCE_SECONDS = 2.0


def notify(state: str) -> None:
    """Send a state such as READY=1 to the socket that systemd names, if it names one. See sd_notify(3).

    A socket that is gone, or that nobody reads, is a line in the log and no more: the service is as well without it.
    """
    address = os.environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE_SECONDS)
            sock.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            sock.sendall(state.encode())
    except OSError as error:
        log.warning("systemd was not told", state=state, socket=address, error=str(error))
