"""Which version this is: pyproject.toml says it, and the installed package's metadata hold it."""

from importlib.metadata import PackageNotFoundError, version


def find_version() -> str:
    try:
        return version("sshcast")
    except PackageNotFoundError:  # a checkout that nobody has installed
        return "(not installed)"
