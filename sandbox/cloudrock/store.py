"""One SQLite file: many readers beside one writer, and a failed request leaves no trace."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, create_pool_from_url, event, make_url
from sqlalchemy.orm import Session

from sandbox.cloudrock import usage_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from sqlite3 import Connection as SqliteConnection

    from sqlalchemy import Dialect

ALL_TABLES = usage_tables.OfferingUser.metadata
STATEMENTS: dict[Any, Any] = {}
"""A process may have hundreds of stores one after another: what SQLAlchemy compiled for one serves all.

It keeps what it compiled by dialect, so they share that too.
"""


def _dialect() -> Dialect:
    """SQLite as SQLAlchemy speaks it, once it has met the library."""
    engine = create_engine("sqlite://")
    with engine.connect():
        return engine.dialect


DIALECT = _dialect()


class Store:
    """The database of one marketplace."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._writer = threading.RLock()
        url = make_url(f"sqlite:///{file}")
        pool = create_pool_from_url(
            url, pool_size=8, max_overflow=64, connect_args={"check_same_thread": False}
        )
        self._engine = Engine(pool, DIALECT, url, execution_options={"compiled_cache": STATEMENTS})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        ALL_TABLES.create_all(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one consistent state and keeps nothing."""
        with Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are kept all, or none when the block fails. One at a time."""
        with self._writer, Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _prepare(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins and ends the transactions, not the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
