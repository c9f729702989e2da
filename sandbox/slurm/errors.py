"""The one error of the sandbox: it names the thing, what was expected and what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message says why and what to do."""
