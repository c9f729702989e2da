"""What SLURM prints, as records: captured text, broken text, and the numbers that money hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
from allocations.limits import as_shown
from allocations.model import Account, Association, ClusterState
from allocations.plan import Plan, diff
from allocations.usage import UNKNOWN, add_up, seconds_by_account, tres_seconds
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import parse_associations, parse_count, parse_jobs, parse_limits, parse_pair

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = {"assoc": (0, 1, 2, 4, 7), "sacct": (2, 3, 4, 5, 8, 9, 10, 1)}
"""The columns of the wider captures (capture.py) that this door asks for."""


SECONDS = ("elapsed_seconds", "span_seconds")


def columns(text: str, kind: str) -> str:
    lines = (line.split("|") for line in text.splitlines())
    return "".join("|".join(fields[n] for n in OURS[kind]) + "\n" for fields in lines)


def seconds_of(text: str) -> dict[str, dict[str, int]]:
    return seconds_by_account(add_up([tres_seconds(parse_jobs(text))]))


def test_the_doors_own_question_is_answered(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(captured("door-show-assoc.out"))
    assert cluster.accounts[ROOT] == Account(ROOT, None)
    assert cluster.accounts[AccountName("cloudrock")] == Account(AccountName("cloudrock"), ROOT)
    assert cluster.users_of(AccountName("shown_600")) == {"crr_eve"}, "two rows, one per partition"
    shown = {name: a.grp_tres_mins for name, a in cluster.accounts.items() if name.startswith("shown_")}
    for name, limits in shown.items():
        stored = int(name.removeprefix("shown_"))
        assert limits["cpu"] == limits["gres/gpu"] == stored
        assert as_shown("mem", limits["mem"]) == as_shown("mem", stored)


def test_every_limit_that_a_person_would_set_is_read_exactly(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out"), "assoc"))
    inexact = []
    for name, account in cluster.accounts.items():
        if name.startswith("mem_") and account.grp_tres_mins["mem"] != int(name.removeprefix("mem_")):
            inexact.append(name)
    assert inexact == [], "1.00T is read as the number that sacctmgr shows so"


def test_nested_accounts_and_odd_users_are_read(captured: Callable[[str], str]) -> None:
    cluster = parse_associations(columns(captured("show-assoc.out"), "assoc"))
    hpc_1 = AccountName("hpc_1")
    assert cluster.accounts[hpc_1].parent == "hpc_1c"
    assert cluster.accounts[hpc_1].grp_tres_mins == {"cpu": 60000, "gres/gpu:a100": 1200, "gres/gpu": 1200}
    rows = [line.split("|") for line in captured("show-assoc.out").splitlines()]
    for name in ("hpc_1", "hpc_1a"):
        users = [row[2] for row in rows if row[1] == name and row[2]]
        assert cluster.users_of(AccountName(name)) == set(users)
    assert len(users) == len(set(users)) + 1, "one of hpc_1a's users has a row for a partition as well"


@pytest.mark.parametrize("name", ["show-assoc-fresh-cluster.out", "show-assoc-after-deletes.out"])
def test_other_captured_clusters_are_read(captured: Callable[[str], str], name: str) -> None:
    text = captured(name)
    cluster = parse_associations(columns(text, "assoc"))
    assert len(cluster.accounts) == sum(line.split("|")[2] == "" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the account root among the rows"),
        ("c|a|||\n", "the account root among the rows"),
        ("c|root|||\nd|root|||\n", "the associations of one cluster"),
        ("|root|||\n", "a cluster and an account in every row"),
        ("c||ada||\n", "a cluster and an account in every row"),
        ("c|root||\n", "5 fields"),
        ("c|root||||\n", "5 fields"),
        ("c|root|||\n\n", "5 fields"),
        ("c|root|||", "a complete last line"),
        ("c|root|||\nc|a||root|cpu=1", "a complete last line"),
        ("c|root|||cpu\n", "TRES as name=count"),
        ("c|root|||=5\n", "TRES as name=count"),
        ("c|root|||cpu=1,cpu=1\n", "each once"),
        ("c|root|||cpu=\n", "a count"),
        ("c|root|||cpu=-1\n", "a count"),
        ("c|root|||cpu=1,\n", "TRES as name=count"),
    ],
)
def test_what_is_no_answer_is_an_error_and_no_guess(text: str, words: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match=words):
        parse_associations(text)


def test_a_line_ends_at_a_newline_only() -> None:
    cluster = parse_associations("c|root|||\nc|a\u2028b\x85||root|\n")
    assert AccountName("a\u2028b\x85") in cluster.accounts


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


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", {}),
        ("mem=600000G", {"mem": 614400000}),
        ("mem=1.00T", {"mem": 1049088}),
        ("mem=1T", {"mem": 1048576}),
        ("mem=4.25G", {"mem": 4352}),
        ("mem=585.94T", {"mem": 614402621}),
        ("cpu=9007199254740993", {"cpu": 9007199254740993}),
    ],
)
def test_a_limit_is_read_as_near_as_sacctmgr_shows_it(text: str, minutes: dict[str, int]) -> None:
    assert parse_limits(text, "sacctmgr") == minutes


LIMITS = st.dictionaries(
    st.sampled_from(["cpu", "mem", "gres/gpu"]),
    st.integers(0, 2**49) | st.integers(0, 2**40).map(lambda n: n * 512),
)


@given(
    st.dictionaries(
        st.sampled_from(["hpc_a", "hpc_b", "hpc_c"]), st.tuples(LIMITS, st.sets(st.sampled_from("ab")))
    )
)
def test_a_cluster_that_shows_what_was_asked_for_leaves_nothing_to_plan(
    wanted: dict[str, tuple[dict[str, int], set[str]]],
) -> None:
    accounts = {AccountName(n): Account(AccountName(n), ROOT, limits) for n, (limits, _) in wanted.items()}
    pairs = frozenset(
        Association(AccountName(n), UserName(u)) for n, (_, users) in wanted.items() for u in users
    )
    lines = ["c|root|||", "c|root|root||"]
    for name, account in accounts.items():
        limits = ",".join(
            f"{tres}={as_shown(tres, number)}" for tres, number in account.grp_tres_mins.items()
        )
        lines += [f"c|{name}||root|{limits}", *(f"c|{name}|{a.user}||" for a in pairs if a.account == name)]
    observed = parse_associations("\n".join(lines) + "\n")
    assert diff(ClusterState(accounts, pairs), observed) == Plan()


def test_captured_jobs_are_read_in_full(captured: Callable[[str], str]) -> None:
    text = captured("sacct.out")
    jobs = parse_jobs(columns(text, "sacct"))
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
    found = seconds_of(columns(captured(name), "sacct"))
    assert {a: {tres: n for tres, n in row.items() if n} for a, row in found.items()} == totals
    assert found["hpc_1"]["gres/gpu"] == found["hpc_1"]["gres/gpu:a100"] > 0


def test_a_running_job_counts_up_to_the_windows_end(captured: Callable[[str], str]) -> None:
    jobs = parse_jobs(captured("door-sacct.out"))
    running = jobs.records[jobs.records["state"] == "RUNNING"]
    assert list(running["elapsed_seconds"]) == list(running["span_seconds"]) == [5]


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
    found = seconds_of(columns(text, "sacct") if text.count("sandbox|") else text)
    assert found
    assert all(second == 0 for seconds in found.values() for second in seconds.values())


def test_times_that_are_no_epochs_are_refused(captured: Callable[[str], str]) -> None:
    text = columns(captured("sacct-no-epoch-converted.out").partition("\n")[2], "sacct")
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
GOOD_ASSOC = "c|root|||\nc|root|root||\nc|hpc_a||root|cpu=60000,mem=1.50G\nc|hpc_a|ada||\n"


@pytest.mark.parametrize(("parse", "good"), [(parse_jobs, GOOD_JOBS), (parse_associations, GOOD_ASSOC)])
def test_text_cut_inside_a_line_is_never_accepted(parse: Callable[[str], object], good: str) -> None:
    parse(good)
    for end in range(1, len(good)):
        if good[end - 1] != "\n":
            with pytest.raises(UnexpectedSlurmOutput):
                parse(good[:end])


@st.composite
def garbled(draw: st.DrawFn, good: str) -> str:
    """Good text with a piece replaced by anything."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 8)))
    return (
        good[:start]
        + draw(st.text(max_size=6) | st.text("0123456789.=,|\nKMGTP?-", max_size=25))
        + good[end:]
    )


@given(garbled(GOOD_JOBS) | st.text())
def test_garbled_jobs_are_read_or_refused_and_never_crash(text: str) -> None:
    try:
        jobs = parse_jobs(text)
    except UnexpectedSlurmOutput:
        return
    assert len(jobs) == text.count("\n")
    assert (jobs.records["span_seconds"] >= 0).all()


@given(garbled(GOOD_ASSOC) | st.text())
def test_garbled_associations_are_read_or_refused_and_never_crash(text: str) -> None:
    try:
        cluster = parse_associations(text)
    except UnexpectedSlurmOutput:
        return
    assert ROOT in cluster.accounts
