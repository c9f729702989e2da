"""Days as they were last read, as small Parquet files: what need not be asked of slurmdbd again.

Of the day that is not over, it is what the next run compares its own reading with.

A file that is missing, broken, cut, older than this version, or of another cluster or question is as if it
were not there: the day is read again. Losing all of them costs time, never correctness.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from allocations.days import WindowUsage
from flows.settings import SettingsError
from flows.state_folder import replaced, writable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = 2
"""Of the files' form. Another one is not read."""
META = b"cloudrock-slurm"
KEYS = ("account", "user")
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class NotOurs(Exception):  # noqa: N818 - names the fact
    """A file that does not say what this day is."""


@dataclass(slots=True)
class ParquetDays:
    """One folder, one file for each day of one cluster.

    `meaning`: everything that changes what a stored day says: which question sacct was asked, which formula
    counted. It is written into each file, and a file with another one is not read.
    """

    folder: Path
    cluster: str
    meaning: Mapping[str, str]
    _remarks: list[str] = field(default_factory=list)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could not be read or written; the days concerned were counted anew."""
        return tuple(self._remarks)

    def path(self, day: date) -> Path:
        """Where a day is kept."""
        return self.folder / UNSAFE.sub("_", self.cluster) / f"{day.isoformat()}.parquet"

    def read(self, day: date) -> tuple[WindowUsage, datetime] | None:
        """The day, as far as it was over then, and when it was read from SLURM.

        None when it is not there, or cannot be trusted.
        """
        path = self.path(day)
        try:
            with parquet.ParquetFile(
                path, page_checksum_verification=True, read_dictionary=list(KEYS)
            ) as file:
                return self._checked(day, file.read(use_threads=False))
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, NotOurs) as fault:
            self._remarks.append(f"the stored day {path} is not used ({_brief(fault)}): it is counted anew")
            return None

    def write(self, usage: WindowUsage, read_at: datetime) -> None:
        """Keep a day, or its beginning.

        A folder that cannot be written is remarked on: the next run reads the day again.
        """
        path = self.path(usage.start.date())
        table = pa.Table.from_pandas(usage.seconds.reset_index(), preserve_index=False)
        head = {**self._head(usage.start.date()), "read_at": read_at.isoformat()}
        head |= {"until": usage.end.isoformat(), "records": dict(usage.records), "states": dict(usage.states)}
        head["fingerprint"] = usage.fingerprint
        try:
            writable(path.parent)
            _replace(path, table.replace_schema_metadata({META: json.dumps(head).encode()}))
        except (OSError, SettingsError) as fault:
            self._remarks.append(f"the day cannot be kept in {path} ({_brief(fault)}): it costs time only")

    def _head(self, day: date) -> dict[str, object]:
        return {
            "version": VERSION,
            "cluster": self.cluster,
            "day": day.isoformat(),
            "zone": "UTC",
            "meaning": dict(self.meaning),
        }

    def _checked(self, day: date, table: pa.Table) -> tuple[WindowUsage, datetime]:
        head = json.loads((table.schema.metadata or {})[META])
        for name, wanted in self._head(day).items():
            if head[name] != wanted:
                raise NotOurs(f"its {name} is {head[name]!r}, not {wanted!r}")
        seconds = table.drop_columns(list(KEYS)).to_pandas().astype("int64").set_axis(_index(table))
        start = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
        until = datetime.fromisoformat(head["until"])
        usage = WindowUsage(start, until, seconds, head["records"], head["states"])
        if usage.fingerprint != head["fingerprint"]:
            raise NotOurs("its fingerprint is not that of what it holds")
        return usage, datetime.fromisoformat(head["read_at"])


def _index(table: pa.Table) -> pd.MultiIndex:
    """The rows' keys. Their columns come as codes and names, so nothing need be looked up again."""
    levels: list[Any] = []
    codes = []
    for key in KEYS:
        column = table[key].combine_chunks()
        if not pa.types.is_dictionary(column.type):  # of a day without usage
            column = column.cast(pa.string()).dictionary_encode()
        names = np.array(column.dictionary.to_pylist(), dtype=object)
        order = names.argsort()
        levels.append(names[order])
        codes.append(order.argsort()[column.indices.to_numpy()])
    return pd.MultiIndex(levels, codes, names=KEYS)


def _replace(path: Path, table: pa.Table) -> None:
    """Write the whole file beside the old one, and put it in its place in one step."""
    with replaced(path) as file:
        parquet.write_table(table, file, compression="zstd", write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())


def _brief(fault: Exception) -> str:
    """What is wrong, in one short line."""
    said = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return " ".join(f"{said or type(fault).__name__}".split())[:200]
