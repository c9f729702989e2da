"""Errors say what happened in the server's words, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from cloudrock_io.errors import (
    REJECTIONS,
    CloudrockError,
    CloudrockMisconfigured,
    CloudrockRejected,
    CloudrockServerError,
    CloudrockUnavailable,
    UnexpectedCloudrockData,
    UnsendableToCloudrock,
)
from cloudrock_io.reasons import flatten_reasons

PATH = "/api/marketplace-component-usages/set_usage/"


@pytest.mark.parametrize(
    "error",
    [
        CloudrockMisconfigured("the address is wrong", "Set it"),
        CloudrockUnavailable("POST", "https://host/api/x/", "HTTP 503", 4, may_have_arrived=True),
        CloudrockServerError(500, "POST", PATH),
        UnexpectedCloudrockData("order item 7, key 'state'", "a string", "7"),
        UnsendableToCloudrock("the used amount of 'cpu'", "a whole number", "-1"),
        *(kind(status, "POST", PATH, ("a", "b: c")) for status, kind in REJECTIONS.items()),
        CloudrockRejected(400, "POST", PATH, ()),
    ],
)
def test_errors_travel_between_processes(error: CloudrockError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert "\n" not in str(error)


def test_a_refusal_without_words_says_so() -> None:
    assert (
        str(CloudrockRejected(400, "POST", PATH, ()))
        == f"Cloudrock refused POST {PATH} with 400: no reason given."
    )


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        ({"detail": "Not found."}, ("Not found.",)),
        ({"state": ["Select a valid choice."]}, ("state: Select a valid choice.",)),
        ({"components": "These cannot be removed."}, ("components: These cannot be removed.",)),
        ({"non_field_errors": ["These are invalid: gpu, ram."]}, ("These are invalid: gpu, ram.",)),
        (["Order item has incorrect state."], ("Order item has incorrect state.",)),
        (
            {"usages": [{}, {"amount": ["An integer is required."]}]},
            ("usages[1].amount: An integer is required.",),
        ),
        ([{"type": ["Enter a valid value."]}], ("[0].type: Enter a valid value.",)),
        ({"a": ["x", "y"], "b": None, "c": ""}, ("a: x", "a: y")),
        ("plain", ("plain",)),
        ({}, ()),
        (["two\nlines\x1b[31m"], ("two lines [31m",)),
        ([["x" * 1000]], ("x" * 299 + "…",)),
        (["x"] * 100, ("x",) * 20),
        ([[[[[[[["deep"]]]]]]]], (": ...",)),
    ],
)
def test_the_shapes_of_refusals_become_readable_lines(body: object, reasons: tuple[str, ...]) -> None:
    assert flatten_reasons(body) == reasons
