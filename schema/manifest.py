"""The list of known operations as a JSON file, in the form of Apollo's persisted query manifests.

`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "name", "type", "body"}]}`
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = "apollo-persisted-query-manifest"
VERSION = 1
LARGEST_FILE = 16 * 1024 * 1024
MOST_OPERATIONS = 2000
LONGEST_ID = 128
TYPES = ("query", "mutation", "subscription")


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An operation that clients may name by its id. `type` is query, mutation or subscription; `body` the document."""

    id: str
    name: str
    type: str
    body: str


def hash_document(text: str) -> str:
    """Return the SHA-256 of the document in UTF-8, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def format_manifest(operations: Iterable[KnownOperation]) -> str:
    """Return the manifest as JSON text, without a final newline."""
    found = [asdict(each) for each in operations]
    return json.dumps({"format": FORMAT, "version": VERSION, "operations": found}, indent=2, ensure_ascii=False)


def read_manifest(path: Path) -> tuple[KnownOperation, ...]:
    """Return the operations of the file; ValueError says what is wrong with it. Documents are not parsed."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"must be a file of at most {LARGEST_FILE} bytes")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        if str(error).startswith("must be"):
            raise
        raise ValueError("must be a file of JSON in UTF-8, as `sshcast operation build` prints it") from None
    return tuple(_read_operations(found))


def _read_operations(found: Any) -> Iterator[KnownOperation]:
    if not isinstance(found, Mapping) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ValueError(f'must be a file with "format": "{FORMAT}" and "version": {VERSION}')
    items = found.get("operations")
    if not isinstance(items, list) or len(items) > MOST_OPERATIONS:
        raise ValueError(f'must be a file with a list of at most {MOST_OPERATIONS} "operations"')
    taken: set[str] = set()
    for number, item in enumerate(items, 1):
        made = _read_operation(item, number)
        if made.id in taken:
            raise ValueError(f"operation {number} has an id that another one has as well")
        taken.add(made.id)
        yield made


def _read_operation(item: Any, number: int) -> KnownOperation:
    values: list[Any] = []
    if isinstance(item, Mapping):
        values = [item.get(name) for name in ("id", "name", "type", "body")]
    if not values or not all(isinstance(value, str) and value for value in values):
        raise ValueError(f"operation {number} must have an id, a name, a type and a body, each of them text")
    made = KnownOperation(*values)
    if len(made.id) > LONGEST_ID:
        raise ValueError(f"operation {number} has an id of more than {LONGEST_ID} characters")
    if made.type not in TYPES:
        raise ValueError(f"operation {number} must have one of these types: {', '.join(TYPES)}")
    if _is_sha256(made.id) and made.id != hash_document(made.body):
        raise ValueError(f"operation {number} has an id that is not the SHA-256 of its body: build the file anew")
    return made


def _is_sha256(id: str) -> bool:
    return len(id) == 64 and all(letter in "0123456789abcdef" for letter in id)
