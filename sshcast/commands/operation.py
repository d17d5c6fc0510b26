"""`sshcast operation build`: makes the list of operations that clients may name by id."""

from pathlib import Path

from schema.build import build_schema
from schema.manifest import format_manifest
from schema.operation_files import OperationRefused, collect_operations
from sshcast.errors import CommandFailed


def build_list(folder: Path, *, typenames: bool) -> str:
    """Return the list as JSON text; raise CommandFailed for an operation that this version of the service refuses."""
    if not folder.is_dir():
        raise CommandFailed(f"{folder} is not a folder: give the one with your .graphql files")
    try:
        return format_manifest(collect_operations(folder, build_schema()._schema, typenames=typenames))
    except OperationRefused as error:
        raise CommandFailed(str(error)) from None
