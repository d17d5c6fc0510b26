"""Where the output of an attached command begins: behind a line of ours on each stream."""

import secrets
from functools import partial

from runner.connection import OnOutput, Printed
from runner.handshake import MarkerReader


class Beginning:
    """Reads both streams. `out_line` and `err_line` are what the command's shell is to print before the command."""

    def __init__(self, on_output: OnOutput) -> None:
        nonce = secrets.token_hex(12)
        self.out_line, self.err_line = f"{nonce} stdout", f"{nonce} stderr"
        self._streams = {
            "stdout": MarkerReader(self.out_line, partial(on_output, "stdout")),
            "stderr": MarkerReader(self.err_line, partial(on_output, "stderr")),
        }

    @property
    def is_begun(self) -> bool:
        """Whether the command was started. Its stderr may be closed: stdout alone decides."""
        return self._streams["stdout"].found

    @property
    def printed(self) -> Printed:
        """What came instead of the command's output."""
        return tuple((name, stream.printed) for name, stream in self._streams.items() if stream.printed)

    def feed(self, stream: str, data: bytes) -> None:
        self._streams[stream].feed(data)
