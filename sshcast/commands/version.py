"""`sshcast --version`: the version from the installed package's metadata, which pyproject.toml sets."""

from importlib.metadata import PackageNotFoundError, version


def find_version() -> str:
    try:
        return version("sshcast")
    except PackageNotFoundError:  # a checkout that nobody has installed
        return "(not installed)"
