"""What sacct prints, as records: captured text, broken text, and the numbers that money hangs on."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import UNKNOWN
from allocations.usage import add_up, seconds_by_account, tres_seconds
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of, parse_count, parse_pair
from slurm_io.parsing_jobs import columns_of, parse_jobs, parse_lives
from tests.slurm_io.broken import broken_lines, garbled

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = (2, 3, 4, 5, 8, 9, 10, 1)
"""The columns of the wider captures (capture.py) that this door asks for."""
SECONDS = ("elapsed_seconds", "span_seconds")


def columns(text: str) -> str:
    lines = (line.split("|") for line in text.splitlines())
    return "".join("|".join(fields[n] for n in OURS) + "\n" for fields in lines)


def seconds_of(text: str) -> dict[str, dict[str, int]]:
    return seconds_by_account(add_up([tres_seconds(parse_jobs(text))]))


@pytest.mark.parametrize(
    ("tres", "value", "count"),
    [
        ("cpu", "0", 0),
        ("cpu", "128", 128),
        ("billing", "2K", 2048),
        ("mem", "1500M", 1500),
        ("mem", "1500", 1500),
        ("mem", "2048K", 2),
        ("mem", "4.50G", 4608),
        ("mem", "1.25T", 1310720),
        ("mem", "2P", 2 * 2**30),
        ("mem", "1.5?", 3 * 2**39),
        ("energy", "18446744073709551614", 2**64 - 2),
    ],
)
def test_a_count_is_a_decimal_with_steps_of_1024(tres: str, value: str, count: int) -> None:
    assert parse_count(tres, value, "x") == count


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "1.", ".5", "1e3", "1,5", "0x1", "1KB", "1k", " 1", "1\n", "\u0661", "N", "1" * 21],
)
def test_anything_else_is_no_count(value: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="a count"):
        parse_count("mem", value, "x")


@pytest.mark.parametrize("text", ["mem=585.94T", "cpu=1.5", "mem=1K", "cpu=9007199254740993"])
def test_a_jobs_count_that_is_not_whole_or_not_exact_is_never_rounded(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="a whole count"):
        parse_pair(text, "sacct")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("cpu=7", 7),
        ("cpu=2K", 2048),
        ("cpu=9007199254740992", 2**53),
        ("gres/gpu:a100=2", 2),
        ("mem=1500M", 1500),
        ("mem=1500", 1500),
        ("mem=4.50G", 4608),
        ("mem=2T", 2 * 2**20),
    ],
)
def test_a_jobs_count_is_exact(text: str, count: int) -> None:
    assert parse_pair(text, "sacct") == (text.partition("=")[0], count)


def test_slurms_own_word_for_no_value_is_no_count() -> None:
    text = "a|u|cpu=1,energy=18446744073709551614,vmem=18446744073709551615|1|1|2|S|1\n"
    assert seconds_of(text) == {"a": {"cpu": 1}}


def test_captured_jobs_are_read_in_full(captured: Callable[[str], str]) -> None:
    text = captured("sacct.out")
    jobs = parse_jobs(columns(text))
    assert len(jobs) == len(text.splitlines())
    assert list(jobs.records.columns) == ["account", "user", "state", "job_id", "start_epoch", *SECONDS]
    assert jobs.records["elapsed_seconds"].dtype == jobs.records["span_seconds"].dtype == "int64"
    assert list(jobs.records["job_id"]) == [line.split("|")[1] for line in text.splitlines()]
    assert set(jobs.alloc_tres.columns) == {"billing", "cpu", "mem", "node", "gres/gpu", "gres/gpu:a100"}
    assert all(dtype == "int64" for dtype in jobs.alloc_tres.dtypes)


@pytest.mark.parametrize("name", ["sacct.out", "sacct-while-suspended.out", "sacct-without-duplicates.out"])
def test_captured_jobs_add_up_to_what_each_line_says(captured: Callable[[str], str], name: str) -> None:
    totals: dict[str, dict[str, int]] = {}
    for line in captured(name).splitlines():
        _, _, account, _, alloc_tres, elapsed, _, _, start, end, _ = line.split("|")
        row = totals.setdefault(account, {})
        for pair in filter(None, alloc_tres.split(",")):
            tres, count = pair.split("=")
            seconds = int(elapsed) if tres == "cpu" else int(end) - int(start)
            row[tres] = row.get(tres, 0) + int(count.removesuffix("M")) * seconds
    found = seconds_of(columns(captured(name)))
    assert {a: {tres: n for tres, n in row.items() if n} for a, row in found.items()} == totals
    assert found["hpc_1"]["gres/gpu"] == found["hpc_1"]["gres/gpu:a100"] > 0


def test_a_running_job_counts_up_to_the_windows_end(captured: Callable[[str], str]) -> None:
    jobs = parse_jobs(captured("door-sacct.out"))
    running = jobs.records[jobs.records["state"] == "RUNNING"]
    (fields,) = [line.split("|") for line in captured("door-sacct.out").splitlines() if "RUNNING" in line]
    ran = int(fields[5]) - int(fields[4])
    assert ran > 0
    assert list(running["elapsed_seconds"]) == list(running["span_seconds"]) == [ran]


@pytest.mark.parametrize("name", ["door-sacct-day.out", "door-sacct-one-second.out"])
def test_pending_jobs_and_windows_beyond_now_count_what_ran(
    captured: Callable[[str], str], name: str
) -> None:
    jobs = parse_jobs(captured(name))
    assert (jobs.records["elapsed_seconds"] == jobs.records["span_seconds"]).all()
    assert (jobs.records.loc[jobs.records["state"] == "PENDING", "span_seconds"] == 0).all()


@pytest.mark.parametrize("name", ["door-sacct-future.out", "sacct-empty-future.out"])
def test_a_running_job_used_nothing_of_the_future(captured: Callable[[str], str], name: str) -> None:
    text = captured(name)
    found = seconds_of(columns(text) if text.count("sandbox|") else text)
    assert found
    assert all(second == 0 for seconds in found.values() for second in seconds.values())


def test_times_that_are_no_epochs_are_refused(captured: Callable[[str], str]) -> None:
    text = columns(captured("sacct-no-epoch-converted.out").partition("\n")[2])
    with pytest.raises(UnexpectedSlurmOutput, match="Start in whole seconds"):
        parse_jobs(text)


def test_no_jobs_are_an_empty_table_of_the_right_types() -> None:
    jobs = parse_jobs("")
    assert len(jobs) == len(jobs.alloc_tres) == 0
    assert jobs.records["elapsed_seconds"].dtype == jobs.records["span_seconds"].dtype == "int64"
    assert seconds_of("") == {}


@pytest.mark.parametrize("time", ["Unknown", "None", "", "N/A"])
def test_a_job_that_never_started_counts_zero(time: str) -> None:
    assert seconds_of(f"a|u|cpu=4|0|{time}|{time}|PENDING|1\na|u|cpu=4|0|100|{time}|PENDING|1\n") == {
        "a": {"cpu": 0}
    }


def test_nameless_accounts_and_users_are_unknown_and_counted() -> None:
    assert seconds_of("||cpu=4|10|100|110|COMPLETED|1\n") == {UNKNOWN: {"cpu": 40}}


def test_a_job_without_allocation_is_zero_among_others() -> None:
    text = "a|u||0|100|100|CANCELLED|1\na|u|cpu=1,gres/gpu:t4=2|5|100|105|COMPLETED|1\n"
    assert seconds_of(text) == {"a": {"cpu": 5, "gres/gpu:t4": 10, "gres/gpu": 10}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a|u|cpu=1|x|1|2|S|1", "ElapsedRaw in whole seconds"),
        ("a|u|cpu=1|-5|1|2|S|1", "ElapsedRaw in whole seconds"),
        ("a|u|cpu=1|1.5|1|2|S|1", "ElapsedRaw in whole seconds"),
        ("a|u|cpu=1|999999999999|1|2|S|1", "ElapsedRaw in whole seconds"),
        ("a|u|cpu=1|1|2026-11-22T22:13:33|2|S|1", "Start in whole seconds"),
        ("a|u|cpu=1|1|1|soon|S|1", "End in whole seconds"),
        ("a|u|cpu=1|1|5|2|S|1", "an end that is not before the start"),
        ("a|u|cpu=1,|1|1|2|S|1", "TRES as name=count"),
        ("a|u|cpu=1,mem=2,cpu=1|1|1|2|S|1", "each once"),
        ("a|u|cpu|1|1|2|S|1", "TRES as name=count"),
        ("a|u|cpu=1|1|1|2|S", "8 fields"),
        ("a|u|cpu=1|1|1|2|S|1|", "8 fields"),
        ("a|u|x|cpu=1|1|1|2|S|1", "8 fields"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_and_no_zero(line: str, words: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match=words):
        parse_jobs(f"a|u|cpu=1|1|1|2|OK|1\n{line}\n")


@pytest.mark.parametrize("text", ["a|u\rv|cpu=1|1|1|2|S|1\n", "\ufeffa|u|cpu=1|1|1|2|S|1\n"])
def test_a_name_with_a_letter_that_would_be_read_as_none_is_refused(text: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="end with a newline and nothing else"):
        parse_jobs("a|u|cpu=1|1|1|2|S|1\n" * (text[0] == "a") + text)


def test_quotes_and_separators_of_other_formats_are_ordinary_letters() -> None:
    text = 'a"|"u\u2028,\t|cpu=1|1|1|2|S|1\nb\\|"|cpu=1|1|1|2|S|2\n'
    assert set(parse_jobs(text).records["user"]) == {'"u\u2028,\t', '"'}


@pytest.mark.parametrize(
    ("first", "second"), [("cpu=1", "cpu=2,gres/gpu:t4=1"), ("", "gres/gpu=1,gres/gpu:t4=1"), ("", "")]
)
def test_each_record_keeps_its_own_tres(first: str, second: str) -> None:
    text = f"a|u|{first}|1|1|2|S|1\nb|u|{second}|1|1|2|S|2\nc|u|{first}|1|1|2|S|3\n"
    found = {a: {t: n for t, n in row.items() if n} for a, row in seconds_of(text).items()}
    pairs = [dict(pair.split("=") for pair in t.split(",") if pair) for t in (first, second)]
    one, two = ({t: int(n) for t, n in row.items()} for row in pairs)
    if "gres/gpu:t4" in two:
        two["gres/gpu"] = 1
    assert found == {"a": one, "b": two, "c": one}


GOOD_JOBS = (
    "a|u|billing=2,cpu=2,mem=1500M,node=1|3|1795386428|1795386431|COMPLETED|1\n"
    "b|u||0|Unknown|Unknown|PENDING|1\n"
)


def test_text_cut_inside_a_line_is_never_accepted() -> None:
    parse_jobs(GOOD_JOBS)
    for text in broken_lines(GOOD_JOBS):
        with pytest.raises(UnexpectedSlurmOutput):
            parse_jobs(text)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD_LIVES = "".join(f"{line}|00:00:00\n" for line in GOOD_JOBS.splitlines())


def test_a_life_is_one_field_more_and_ends_where_it_is_asked_to() -> None:
    began = int(NOON.timestamp()) - 60
    running = f"c|u|cpu=1|7|{began}|Unknown|RUNNING|9|00:00:00\n"
    paused = f"{GOOD_LIVES.partition('|COM')[0]}|S|8|00:00:09\n"
    lives = parse_lives(f"{GOOD_LIVES}{running}{paused}", NOON)
    assert list(lives.jobs.records["span_seconds"]) == [3, 0, 60, 3]
    assert list(lives.jobs.records["elapsed_seconds"]) == [3, 0, 60, 3]
    assert list(lives.suspended) == [False, False, False, True]
    with pytest.raises(UnexpectedSlurmOutput, match="9 fields"):
        parse_lives(GOOD_JOBS, NOON)
    with pytest.raises(UnexpectedSlurmOutput, match="an end that is not before the start"):
        parse_lives("a|u|cpu=1|1|5|2|S|1|00:00:00\n", NOON)
    assert len(parse_lives("", NOON).jobs) == 0


@given(garbled(GOOD_LIVES) | st.text())
def test_garbled_lives_are_read_or_refused_and_never_crash(text: str) -> None:
    try:
        lives = parse_lives(text, NOON)
    except UnexpectedSlurmOutput:
        return
    assert len(lives.jobs) == len(lives.suspended) == text.count("\n")
    assert (lives.jobs.records["span_seconds"] >= 0).all()


@given(garbled(GOOD_JOBS) | st.text())
def test_garbled_jobs_are_read_or_refused_and_never_crash(text: str) -> None:
    try:
        jobs = parse_jobs(text)
    except UnexpectedSlurmOutput:
        return
    assert len(jobs) == text.count("\n")
    assert (jobs.records["span_seconds"] >= 0).all()


@given(st.text(st.sampled_from("ab|\n\n\"'\\\t\0 \u2028")))
def test_columns_are_what_the_lines_say_and_refused_where_they_are(text: str) -> None:
    fields = ("one", "two")
    try:
        lines = list(lines_of(text, fields, "sacct"))
    except UnexpectedSlurmOutput as refusal:
        with pytest.raises(UnexpectedSlurmOutput, match=re.escape(str(refusal))):
            columns_of(text, fields, "sacct")
        return
    columns = columns_of(text, fields, "sacct").to_pydict()
    assert list(zip(columns["one"], columns["two"], strict=True)) == [tuple(line) for line in lines]
