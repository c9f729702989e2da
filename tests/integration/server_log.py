"""What Prefect's server wrote into its log, record by record."""

from __future__ import annotations

import re

RECORD = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} \| (?P<level>[A-Z]+) ")
EXCEPTION = re.compile(r"^[ |]*[\w.]*(Error|Exception)\b: ")
BUSY = "database is locked"
"""SQLite has one writer. Prefect reads and then writes in one transaction, which SQLite refuses at once when
another has written in between, however long the timeout is. The server logs that as an error wherever it
meets it, and it or the client who asked tries again."""


def records(text: str) -> list[list[str]]:
    """Return the log's records, each as its lines: the first has the level, a traceback follows."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if RECORD.match(line) or not found:
            found.append([])
        found[-1].append(line)
    return found


def is_error(record: list[str]) -> bool:
    start = RECORD.match(record[0])
    return start is not None and start["level"] in {"ERROR", "CRITICAL"}


def is_busy(record: list[str]) -> bool:
    """Whether the exception that ends this record is SQLite's busy writer."""
    exceptions = [line for line in record if EXCEPTION.match(line)]
    return bool(exceptions) and BUSY in exceptions[-1]


def errors(text: str) -> list[str]:
    """Return the records, each as one text, that tell an error which is more than a busy SQLite."""
    return ["\n".join(record) for record in records(text) if is_error(record) and not is_busy(record)]
