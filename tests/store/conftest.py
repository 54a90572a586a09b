"""A database for each module of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from allograph.store.database import Database
from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import data_folder


@pytest.fixture(scope="module")
def conninfo() -> Iterator[str]:
    with data_folder() as folder, EmbeddedPostgres(folder / "data") as uri:
        yield uri


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    database = Database(conninfo, 4)
    await database.open()
    yield database
    await database.close()
