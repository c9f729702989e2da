"""The errors of the sandbox: each names the thing, what was expected and what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message says why and what to do."""


class PortTaken(SandboxError):  # noqa: N818 - names the fact
    """Somebody took a port between its choice and its use: others may be chosen."""
