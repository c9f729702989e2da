"""The rules are pure, so their tests may open no socket; laws are tried on the same examples at every run."""

import pytest_socket
from hypothesis import settings

settings.register_profile("same-each-time", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("same-each-time")


def pytest_runtest_setup() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
