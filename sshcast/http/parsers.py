"""The parsers of HTTP that are installed: httptools has wheels for common platforms, h11 is always there."""

from sshcast.http.h11_protocol import BoundedH11Protocol

try:
    from sshcast.http.httptools_protocol import BoundedHttpToolsProtocol
except ImportError:  # no wheel for this platform
    PARSERS: dict[str, type] = {"h11": BoundedH11Protocol}
else:
    PARSERS = {"httptools": BoundedHttpToolsProtocol, "h11": BoundedH11Protocol}

FASTEST = next(iter(PARSERS))
