"""The settings of slurmdbd's protection: queries at a time, what is slow, how long it is left alone."""

from __future__ import annotations

import math

from pydantic import field_validator
from pydantic_settings import BaseSettings

from flows.variables import variable
from slurm_io.breaker import LONGEST_PAUSE, Protection

A_DAY = 86400


class ProtectionSettings(BaseSettings):
    """A part of `flows.settings.Settings`, which says where they are read from."""

    max_queries: int = variable(
        "SLURMDBD_MAX_QUERIES",
        "How many queries slurmdbd has of us at a time, from all processes that share CLOUDROCK_STATE_DIR",
        "a number, 1 or more",
        2,
    )
    slow_seconds: float = variable(
        "SLURMDBD_SLOW_SECONDS",
        "From when on an answer of slurmdbd is slow; counts of a month, and large answers, have longer "
        "(docs/protection.md)",
        "seconds, more than 0",
        10,
    )
    pause_seconds: float = variable(
        "SLURMDBD_PAUSE_SECONDS",
        "How long slurmdbd is left alone when it is slow: twice as long each time that it still is, up to "
        f"{LONGEST_PAUSE} times; 0 never leaves it alone",
        "seconds, 0 or more, at most a day",
        120,
    )

    @field_validator("max_queries")
    @classmethod
    def at_least_one(cls, number: int) -> int:
        """Without any nothing could be done."""
        if number < 1:
            raise ValueError
        return number

    @field_validator("slow_seconds")
    @classmethod
    def some_time(cls, seconds: float) -> float:
        """Every answer takes some."""
        if not 0 < seconds < math.inf:
            raise ValueError
        return seconds

    @field_validator("pause_seconds")
    @classmethod
    def no_longer_than_a_day(cls, seconds: float) -> float:
        """It is the first pause only."""
        if not 0 <= seconds <= A_DAY:
            raise ValueError
        return seconds

    @property
    def protection(self) -> Protection:
        """All of them."""
        return Protection(
            queries=self.max_queries, slow_seconds=self.slow_seconds, pause_seconds=self.pause_seconds
        )
