"""Where modules get their logger: structlog, without rich.

structlog imports rich, where that is installed, for tracebacks that the service does not show. Rich and pygments would
cost each service some 12 MB, and a part of its start (docs/performance.md).
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["get_logger", "structlog"]


def _import_structlog() -> ModuleType:
    if "rich" in sys.modules:
        return importlib.import_module("structlog")
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        return importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


if TYPE_CHECKING:
    import structlog
else:
    structlog = _import_structlog()

get_logger = structlog.get_logger
