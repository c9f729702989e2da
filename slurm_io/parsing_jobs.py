"""sacct's job records as tables: a pure parser, as strict as the others, and quick for a million lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from allocations.accounts import UNKNOWN
from allocations.usage import Jobs, with_totals
from allocations.windows import Lives
from slurm_io.commands import JOB_FIELDS, LIFE_FIELDS
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of, parse_pair

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]
    ObjectArray = NDArray[np.object_]

PLAIN_PAIR = r"^(mem=[0-9]{1,15}M?|[^=]+=[0-9]{1,15})$"
"""A number of so few digits needs no look at suffixes, no-values and the largest count."""
BYTE_ORDER_MARK = "\ufeff"


WHAT = "sacct"
NEVER_SUSPENDED = "00:00:00"


def parse_jobs(text: str) -> Jobs:
    """Job records clipped to a window, as `sacct` prints them.

    With epochs (SLURM_TIME_FORMAT=%s) and exact memory (--noconvert). A record that never started has no
    start, or one without a length: it counts zero.
    """
    table = columns_of(text, JOB_FIELDS, WHAT)
    elapsed = whole_seconds(table["elapsedraw"], "ElapsedRaw")
    start, started = epochs(table["start"], "Start")
    end, ended = epochs(table["end"], "End")
    # a job that still runs is clipped to a window after now as if it began there: it used nothing of it
    counts = started & ended & ((end >= start) | (elapsed > 0))
    return jobs_of(text, table, start, np.where(counts, end - start, 0), elapsed)


def parse_lives(text: str, until: datetime) -> Lives:
    """Job records as they stand now, likewise; one that has not ended yet is taken to end at a moment."""
    table = columns_of(text, LIFE_FIELDS, WHAT)
    elapsed = whole_seconds(table["elapsedraw"], "ElapsedRaw")
    start, started = epochs(table["start"], "Start")
    end, ended = epochs(table["end"], "End")
    span = np.where(started & ended, end - start, 0)
    runs = started & ~ended
    span[runs] = (int(until.timestamp()) - start[runs]).clip(min=0)
    suspended = pc.not_equal(table["suspended"], NEVER_SUSPENDED).to_numpy() | (ended & (elapsed != span))
    elapsed = np.where(runs, span, elapsed)  # sacct's runs on to the moment of its answer
    return Lives(jobs_of(text, table, start, span, elapsed), suspended)


def jobs_of(text: str, table: pa.Table, start: IntArray, span: IntArray, elapsed: IntArray) -> Jobs:
    """The rest of the columns, and the times as they were read."""
    if (span < 0).any():
        line = text.split("\n")[int(span.argmin())]
        raise UnexpectedSlurmOutput(WHAT, line, "an end that is not before the start")
    records = pd.DataFrame(
        {
            "account": named(table["account"]),
            "user": named(table["user"]),
            "state": table["state"].dictionary_encode().to_pandas(),
            "job_id": table["jobidraw"].to_pandas(),
            "start_epoch": start,
            "elapsed_seconds": elapsed,
            "span_seconds": span,
        }
    )
    return Jobs(records, allocated(table["alloctres"], WHAT))


def parse_pairs(pairs: pa.Array, what: str) -> tuple[ObjectArray, IntArray, BoolArray]:
    """Many pairs: their TRES, their counts, and where there is a count. Plain digits are read in columns."""
    plain = pc.match_substring_regex(pairs, PLAIN_PAIR).to_numpy(zero_copy_only=False)
    parts = pc.split_pattern(pairs.filter(pa.array(plain)), "=")
    texts = pc.list_element(parts, 1)
    tres = np.empty(len(pairs), dtype="object")
    numbers = np.zeros(len(pairs), np.int64)
    known = plain.copy()
    tres[plain] = pc.list_element(parts, 0).to_numpy(zero_copy_only=False)
    numbers[plain] = pc.cast(pc.utf8_rtrim(texts, "M"), pa.int64()).to_numpy()
    for place in np.flatnonzero(~plain):
        tres[place], count = parse_pair(pairs[place].as_py(), what)
        numbers[place], known[place] = count or 0, count is not None
    return tres, numbers, known


def columns_of(text: str, fields: tuple[str, ...], what: str) -> pa.Table:
    """The same as `lines_of`, as columns of text: a million lines take a second.

    Arrow would also end a line at a carriage return and swallow a byte order mark, so they are refused.
    """
    if not text:
        return pa.table({name: pa.array([], pa.string()) for name in fields})
    if text[-1] != "\n" or text[0] == "\n" or "\n\n" in text:  # Arrow would fill up an empty line
        list(lines_of(text, fields, what))  # says which line it is
    if "\r" in text or text[0] == BYTE_ORDER_MARK:
        line = next((line for line in text.split("\n") if "\r" in line), text.partition("\n")[0])
        raise UnexpectedSlurmOutput(what, line, "lines that end with a newline and nothing else")
    printed = text.encode("utf-8", "backslashreplace")
    try:
        return csv.read_csv(
            pa.BufferReader(printed),
            csv.ReadOptions(use_threads=False, block_size=len(printed), column_names=list(fields)),
            csv.ParseOptions(delimiter="|", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=dict.fromkeys(fields, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:  # a line with too few or too many fields, which lines_of names
        raise AssertionError(list(lines_of(text, fields, what))) from None


def whole_seconds(column: pa.ChunkedArray, name: str) -> IntArray:
    """A column of non-negative integers, none of them beyond the year 5138."""
    good = pc.match_substring_regex(column, "^[0-9]{1,11}$")
    if not pc.all(good).as_py() and len(column):
        bad = column.filter(pc.invert(good))[0].as_py()
        raise UnexpectedSlurmOutput("sacct", bad, f"{name} in whole seconds")
    numbers: IntArray = column.cast(pa.int64()).to_numpy()
    return numbers


NO_TIME = pa.array(["Unknown", "None", "", "N/A"])


def epochs(column: pa.ChunkedArray, name: str) -> tuple[IntArray, BoolArray]:
    """A column of epochs, and where there is one; 0 where SLURM says that there is none."""
    none = pc.is_in(column, NO_TIME)
    known = pc.invert(none).to_numpy()
    return whole_seconds(pc.if_else(none, "0", column), name), known


def named(column: pa.ChunkedArray) -> pd.Series[str]:
    """Names of accounts or users; where SLURM has none, the one that stands for all such."""
    names: pd.Series[str] = pc.if_else(pc.equal(column, ""), UNKNOWN, column).dictionary_encode().to_pandas()
    return names


def allocated(column: pa.ChunkedArray, what: str) -> pd.DataFrame:
    """One int64 column per TRES; each distinct `name=count` is parsed once, whatever jobs it stands in."""
    texts = column.combine_chunks().dictionary_encode()
    distinct = texts.dictionary
    pairs = pc.split_pattern(distinct, ",")
    rows = pc.list_parent_indices(pairs).to_numpy()
    filled = pc.not_equal(distinct, "").to_numpy(zero_copy_only=False)[rows]
    encoded = pairs.flatten().filter(pa.array(filled)).dictionary_encode()
    codes, rows = encoded.indices.to_numpy(), rows[filled]
    tres, numbers, has_number = parse_pairs(encoded.dictionary, what)
    places, names = pd.factorize(tres)
    cells = rows * len(names) + places[codes]
    times = np.bincount(cells, minlength=1)
    if times.max() > 1:
        twice = distinct[int(times.argmax()) // len(names)].as_py()
        raise UnexpectedSlurmOutput(what, twice, "TRES as name=count, each once")
    known = has_number[codes]
    counts = np.zeros((len(distinct), len(names)), np.int64)
    recorded = np.zeros(counts.shape, np.bool_)
    counts.flat[cells[known]] = numbers[codes][known]
    recorded.flat[cells] = known
    table = with_totals(pd.DataFrame(counts, columns=names), pd.DataFrame(recorded, columns=names))
    return table.take(texts.indices.to_numpy()).reset_index(drop=True)
