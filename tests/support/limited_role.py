"""A PostgreSQL role that may have few connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url

from tests.support.postgres import Postgres

LIMIT = 5


@asynccontextmanager
async def limited_database(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a new database for a role that may have LIMIT connections, until the block ends."""
    async with postgres.database() as url:
        conn = await asyncpg.connect(url)
        await conn.execute(f"CREATE ROLE few LOGIN CONNECTION LIMIT {LIMIT}")
        await conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO few")
        await conn.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO few")
        try:
            yield make_url(url).set(username="few").render_as_string()
        finally:
            await conn.execute("DROP OWNED BY few")
            await conn.execute("DROP ROLE few")
            await conn.close()
