"""A runner that spares slurmdbd: few queries at a time, a rest after a slow answer, and a circuit breaker.

The decisions are slurm_io.breaker's; here are the clock, the waiting and the files. No Prefect: the command
line's queries count as well.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from filelock import Timeout

from flows.breaker_file import BreakerFile
from flows.budget import Budget
from flows.settings import SettingsError
from flows.state_folder import held, writable
from slurm_io.breaker import PROBE, Answer, Breaker, Position, after, is_query, places_for
from slurm_io.errors import BreakerOpen, SlurmCommandFailed, SlurmError, SlurmUnavailable
from slurm_io.runner import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.settings import Settings
    from slurm_io.breaker import Protection
    from slurm_io.commands import Command
    from slurm_io.runner import Runner

FOLDER = "slurmdbd"
BY_HAND = "`cloudrock-slurm doctor --reset-breaker` asks it at once"


class Happening(Enum):
    """What is told of it."""

    WAITS = "waits"
    """For a place in the budget, or resting."""
    SLOW = "slow"
    """An answer was."""
    OPENED = "opened"
    CLOSED = "closed"
    BROKEN = "broken"
    """The files cannot be used."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell whoever watches."""

    happening: Happening
    text: str
    breaker: Breaker = field(default_factory=Breaker)


Hear: TypeAlias = "Callable[[Notice], None]"


class Clock:
    """The time of day, seconds that nobody sets back, and waiting."""

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """For differences only."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(slots=True)
class Protected:
    """The runner."""

    runner: Runner
    protection: Protection
    folder: Path
    hear: Hear
    clock: Clock = field(default_factory=Clock)
    complaints: set[str] = field(default_factory=set)
    is_usable: bool | None = None
    """Whether the folder can be written; None before the first query."""
    refusal: BreakerOpen | None = None
    """Why this run did not ask what it wanted to, the last time that it did not."""

    def run(self, argv: Command, *, timeout: float = DEFAULT_TIMEOUT) -> str:
        """As the runner inside; a query of slurmdbd when its turn has come.

        Raises:
            BudgetTaken: its turn did not come for as long as it may itself take.
            BreakerOpen: slurmdbd is left alone now.
        """
        if not is_query(argv) or not self.usable():
            return self.runner.run(argv, timeout=timeout)
        with self.budget.place(argv, lambda: self.places(argv), timeout):
            self.rest()
            self.refuse_while_open()
            if self.file.read().position(self.clock.now(), self.protection) is Position.HALF_OPEN:
                self.probe()
            return self.ask(argv, timeout)

    @property
    def file(self) -> BreakerFile:
        """The breaker that all processes share."""
        return BreakerFile(self.folder, self.complain)

    @property
    def budget(self) -> Budget:
        """The places that all processes share."""
        return Budget(self.folder, lambda text: self.hear(Notice(Happening.WAITS, text)))

    def places(self, argv: Command) -> range:
        """Of the budget, as slurmdbd answers now; whoever waits for one leaves when the breaker opens."""
        self.refuse_while_open()
        return places_for(argv, self.file.read(), self.protection)

    def refuse_while_open(self) -> None:
        """Raise BreakerOpen while slurmdbd is left alone."""
        breaker = self.file.read()
        if breaker.opened and breaker.position(self.clock.now(), self.protection) is Position.OPEN:
            raise self.refused(f"{breaker}. {BY_HAND}", breaker)

    def refused(self, words: str, breaker: Breaker) -> BreakerOpen:
        """The refusal of a query, remembered: a run says at its end why it did not go on."""
        self.refusal = BreakerOpen(words, breaker.opened or self.clock.now())
        return self.refusal

    def rest(self) -> None:
        """Give slurmdbd as much time as it has worked on a slow answer, in the place of the next query."""
        seconds = self.file.read().rest(self.clock.now()).total_seconds()
        if seconds:
            self.hear(Notice(Happening.WAITS, f"slurmdbd is slow: it has a rest of {seconds:.0f} s"))
            self.clock.sleep(seconds)

    def probe(self) -> None:
        """One cheap query decides for everybody; to whoever comes meanwhile the breaker is open.

        Raises:
            BreakerOpen: slurmdbd is still slow.
            SlurmError: it is away, or refused.
        """
        path = self.folder / "probe.lock"
        try:
            with held(path, seconds=0):
                if self.file.read().until is None:
                    return
                self.ask(PROBE, self.protection.slow_seconds)
        except Timeout:
            breaker = self.file.read()
            raise self.refused(f"{breaker}: it is being tried at this moment", breaker) from None
        except SlurmError:
            self.refuse_while_open()
            raise
        self.refuse_while_open()

    def ask(self, argv: Command, timeout: float) -> str:
        """The query itself, and how long it took.

        A refusal that came too late is not believed: clients that give up say so in ever other words, and a
        refused order would be erred. Whoever asks again is told in time.
        """
        asked, began = self.clock.now(), self.clock.seconds()
        try:
            output = self.runner.run(argv, timeout=timeout)
        except SlurmError as failure:
            answer = Answer(asked=asked, seconds=self.clock.seconds() - began, command=argv, failed=True)
            self.learn(answer)
            late = answer.lateness >= self.protection.slow_seconds
            if late and isinstance(failure, SlurmCommandFailed) and not failure.changed_nothing:
                raise SlurmUnavailable(f"{failure}, after {answer.seconds:.0f} s") from None
            raise
        self.learn(Answer(asked=asked, seconds=self.clock.seconds() - began, command=argv, size=len(output)))
        return output

    def learn(self, answer: Answer) -> None:
        """What an answer says of slurmdbd, for all processes; that all is well as before costs one look."""
        known = self.file.read()
        jitter = random.random()  # noqa: S311 - no secret
        if after(known, answer, self.protection, jitter) == known:
            return
        try:
            before, breaker = self.file.change(lambda last: after(last, answer, self.protection, jitter))
        except (SettingsError, OSError) as fault:
            self.complain(f"{self.folder} cannot be written ({fault}): slurmdbd is not spared")
            return
        self.tell(before, breaker)

    def tell(self, before: Breaker, breaker: Breaker) -> None:
        """What has become of the breaker."""
        if breaker.openings > before.openings:
            self.hear(Notice(Happening.OPENED, f"{breaker}. {BY_HAND}", breaker))
        elif before.until and not breaker.until:
            self.hear(Notice(Happening.CLOSED, f"slurmdbd is asked again: {before}", before))
        elif breaker.reason != before.reason:
            self.hear(Notice(Happening.SLOW, str(breaker), breaker))

    def close(self) -> Breaker:
        """By hand: forget what is known; what it was."""
        if not self.usable():
            return Breaker()
        before, _ = self.file.change(lambda _: Breaker())
        return before

    def usable(self) -> bool:
        """Whether the folder can be written; a site that cannot is told so, and slurmdbd is not spared."""
        if self.is_usable is None:
            try:
                writable(self.folder)
                self.is_usable = True
            except (SettingsError, OSError) as fault:
                self.is_usable = False
                self.complain(f"{fault}: slurmdbd is not spared")
        return self.is_usable

    def complain(self, text: str) -> None:
        """Once of each thing."""
        if text not in self.complaints:
            self.complaints.add(text)
            self.hear(Notice(Happening.BROKEN, text))


def is_slow(runner: Runner) -> bool:
    """Whether slurmdbd has been slow of late, as far as anybody looks."""
    return isinstance(runner, Protected) and not runner.file.read().is_well


def why_not_asked(runner: Runner) -> str:
    """Why slurmdbd was left alone, at the end of a summary; empty when it was not."""
    return f"; {runner.refusal}" if isinstance(runner, Protected) and runner.refusal else ""


def protected(runner: Runner, settings: Settings, hear: Hear) -> Protected:
    """The runner with the site's settings."""
    return Protected(runner, settings.protection, settings.state_folder / FOLDER, hear)
