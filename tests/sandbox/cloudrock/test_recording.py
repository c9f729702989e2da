"""The comparison with the recording can fail: each kind of deviation is noticed."""

from __future__ import annotations

import pytest

from tests.sandbox.cloudrock.recording import Names, differences

A, B, C = "a" * 32, "b" * 32, "c" * 32
HOST = "http://127.0.0.1:1"


def found(recorded: object, ours: object) -> list[str]:
    names = Names(HOST)
    names.bind(A, B)
    return list(differences(recorded, ours, names))


@pytest.mark.parametrize(
    ("recorded", "ours"),
    [
        ({"uuid": A}, {"uuid": B}),
        (f"http://cloudrock.example.com/api/users/{A}/", f"{HOST}/api/users/{B}/"),
        ({A: 11}, {B: 11}),
        ("2026-11-22T06:51:46.179923Z", "2026-11-22T23:00:00.000001Z"),
        ("TOKEN", "0" * 40),
        (
            "These components cannot be removed because they are already used: mem, cpu",
            "These components cannot be removed because they are already used: cpu, mem",
        ),
    ],
)
def test_what_may_differ_is_no_difference(recorded: object, ours: object) -> None:
    assert found(recorded, ours) == []


@pytest.mark.parametrize(
    ("recorded", "ours"),
    [
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 0}, {"a": False}),
        ({"a": 0}, {"a": 0.0}),
        ({"a": None}, {"a": ""}),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"uuid": A}, {"uuid": C}),
        ({"uuid": C}, {"uuid": B}),
        (["x", {"uuid": A}], ["x", {"uuid": None}]),
        ("2026-11-22T06:51:46Z", "2026-11-21T06:51:46Z"),
        ("2026-11-22T06:51:46Z", None),
        ("Not found.", "Not found"),
        (f"http://cloudrock.example.com/api/users/{A}/", f"http://127.0.0.1:2/api/users/{B}/"),
        ({A: 11}, {A: 11}),
        (
            "These components cannot be removed because they are already used: mem, cpu",
            "These components cannot be removed because they are already used: cpu",
        ),
    ],
)
def test_what_may_not_differ_is_a_difference(recorded: object, ours: object) -> None:
    assert found(recorded, ours) != []


def test_two_recorded_things_cannot_stand_for_one_of_ours() -> None:
    names = Names(HOST)
    assert list(differences([A, B], [C, C], names)) != []
