"""The engine's frames come apart the same, wherever the connection cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_io.parsing_frames import HEADER, Printed

OUTPUT, WORDS = 1, 2
frames = st.lists(st.tuples(st.sampled_from([OUTPUT, WORDS]), st.binary(max_size=40)), max_size=8)


def sent(pieces: list[tuple[int, bytes]]) -> bytes:
    return b"".join(HEADER.pack(kind, len(text)) + text for kind, text in pieces)


def of(pieces: list[tuple[int, bytes]], kind: int) -> bytes:
    return b"".join(text for one, text in pieces if one == kind)


@given(pieces=frames, cuts=st.lists(st.integers(0, 400)))
def test_both_outputs_are_whole_wherever_the_connection_cuts(
    pieces: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    whole = sent(pieces)
    printed = Printed(1000, 1000)
    for start, end in pairwise([0, *sorted(cuts), 1000]):
        printed.take(whole[start:end])
    assert (printed.output, printed.words, printed.rest) == (of(pieces, OUTPUT), of(pieces, WORDS), b"")


@given(pieces=frames, largest=st.integers(0, 60))
def test_each_output_is_kept_up_to_its_bound(pieces: list[tuple[int, bytes]], largest: int) -> None:
    printed = Printed(largest, largest + 5)
    printed.take(sent(pieces))
    assert printed.output == of(pieces, OUTPUT)[:largest]
    assert printed.words == of(pieces, WORDS)[: largest + 5]


@pytest.mark.parametrize("lost", range(1, 11))
def test_a_connection_that_broke_off_leaves_a_rest(lost: int) -> None:
    printed = Printed(100, 100)
    printed.take(sent([(OUTPUT, b"a line\n"), (OUTPUT, b"abc")])[:-lost])
    assert printed.output == b"a line\n"
    assert len(printed.rest) == 11 - lost


def test_a_frame_is_a_header_of_eight_bytes_and_what_it_announces() -> None:
    printed = Printed(100, 100)
    printed.take(b"\x02\0\0\0\0\0\0\x02b\n\x01\0\0\0\0\0\0\x02a\n")
    assert (printed.output, printed.words) == (b"a\n", b"b\n")
