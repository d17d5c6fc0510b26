"""Reads what is stored of an output that was over its limit."""

from db import output
from db.models import TaskExecution
from db.output_models import OutputChunk
from db.store import Store


async def load_chunks(store: Store, execution_id: int) -> list[OutputChunk]:
    """Return all chunks; each must begin where the one before ends, or after a gap, and count the lines before it."""
    found: list[OutputChunk] = []
    position = 0
    while chunks := await store.read(output.list_after, execution_id, position):
        for chunk in chunks:
            assert chunk.position >= position
            assert chunk.size == len(chunk.data)
            position = chunk.position + chunk.size
        found += chunks
    return found


async def load_ends(store: Store, row: TaskExecution) -> tuple[bytes, bytes]:
    """Return the bytes before and after the gap, of both streams in their order."""
    assert row.output_gap is not None
    start, chunks = row.output_gap["position"], await load_chunks(store, row.id)
    head = [chunk for chunk in chunks if chunk.position < start]
    tail = [chunk for chunk in chunks if chunk.position >= start]
    assert head[-1].position + head[-1].size == start
    assert tail[0].position == start + row.output_gap["bytes"]
    assert tail[-1].position + tail[-1].size == row.stdout_bytes + row.stderr_bytes
    return b"".join(chunk.data for chunk in head), b"".join(chunk.data for chunk in tail)
