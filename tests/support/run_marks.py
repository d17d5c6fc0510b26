"""How often a command ran, told by the marks that it leaves in a file of the target."""

from pathlib import Path


def mark_run(path: Path, then: str = "") -> str:
    """A command that leaves a mark each time it runs."""
    return f"echo ran >> {path}; {then}"


def count_runs(path: Path) -> int:
    return path.read_text().count("ran") if path.exists() else 0
