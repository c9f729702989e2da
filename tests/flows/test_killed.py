"""A run that is killed at any of its effects: the next ones lead to where an undisturbed one does.

Every write of every kind of order; an undisturbed life counts them. The write is done and its answer is never
told: what is on both sides then is what is there when the run dies after the answer. `--every-blow`, which
`make orders` gives, lets it die there too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.slurm import SandboxError
from tests.flows import matrix
from tests.flows.fate import Blow
from tests.flows.lives import Life, Played
from tests.flows.scenes import Death
from tests.flows.troupe import assembled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.flows.matrix import Row
    from tests.flows.scenes import Scene
    from tests.flows.troupe import Troupe

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

MIDDLES = ("update", "switch", "join", "leave", "repair")
"""What happens to an allocation between its order and its end."""
REFERENCES = {
    **{middle: ("create", middle, "terminate") for middle in MIDDLES},
    "approve": ("approve",),
}
"""The lives in which nothing is disturbed."""
CHAPTERS = ("create", *MIDDLES, "approve", "terminate")


@dataclass
class Story:
    """A life as it is to be played, and what came of it."""

    chapters: tuple[str, ...]
    deaths: dict[str, Death] = field(default_factory=dict)
    played: dict[str, Played] = field(default_factory=dict)
    failure: Exception | None = None

    def play(self, scene: Scene) -> None:
        """Chapter by chapter; what fails ends the life, and is told by a test."""
        life = Life(scene)
        try:
            for chapter in self.chapters:
                self.played[chapter] = life.play(chapter, self.deaths.get(chapter))
        except (AssertionError, LookupError, SandboxError, httpx.HTTPError) as failure:
            self.failure = failure


@pytest.fixture(scope="module")
def troupe(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troupe]:
    from prefect.settings import get_current_settings  # noqa: PLC0415 - fast tests do without

    folder = tmp_path_factory.mktemp("killed")
    with assembled(folder, str(get_current_settings().api.url)) as troupe:
        yield troupe


@pytest.fixture(scope="module")
def undisturbed(troupe: Troupe) -> dict[str, Story]:
    stories = {name: Story(chapters) for name, chapters in REFERENCES.items()}
    troupe.play(lambda scene, story: story.play(scene), stories.values())
    assert [story.failure for story in stories.values() if story.failure] == []
    return stories


@pytest.fixture(scope="module")
def blows(request: pytest.FixtureRequest) -> tuple[Blow, ...]:
    return (Blow.KILL, Blow.KILL_TOLD) if request.config.getoption("--every-blow") else (Blow.KILL,)


@pytest.fixture(scope="module")
def disturbed(troupe: Troupe, undisturbed: dict[str, Story], blows: tuple[Blow, ...]) -> list[Story]:
    stories = list(stories_of(undisturbed, blows))
    troupe.play(lambda scene, story: story.play(scene), stories)
    return stories


def stories_of(undisturbed: dict[str, Story], blows: tuple[Blow, ...]) -> Iterator[Story]:
    """Lives in which together every write of every chapter is some run's last."""
    middles = [
        (middle, death)
        for middle in MIDDLES
        for death in deaths_in(undisturbed[middle].played[middle], blows)
    ]
    beginnings = deaths_in(undisturbed["update"].played["create"], blows)
    ends = deaths_in(undisturbed["update"].played["terminate"], blows)
    middles += [("switch", None)] * (len(beginnings) - len(middles))
    for first, (middle, second), last in zip_longest(beginnings, middles, ends, fillvalue=None):
        deaths = {"create": first, middle: second, "terminate": last}
        chapters = ("create", middle, "terminate") if last else ("create", middle)
        yield Story(chapters, {chapter: death for chapter, death in deaths.items() if death})
    for death in deaths_in(undisturbed["approve"].played["approve"], blows):
        yield Story(("approve",), {"approve": death})


def deaths_in(played: Played, blows: tuple[Blow, ...]) -> list[Death]:
    """A death at each write that the undisturbed run did, of each kind."""
    counts = {"cluster": played.writes, "marketplace": played.posts}
    return [
        Death(where, number, blow)
        for blow in blows
        for where, count in counts.items()
        for number in range(1, count + 1)
    ]


def row_of(undisturbed: dict[str, Story], chapter: str) -> Row:
    """What docs/orders.md says of a run killed in the chapter: what a test below holds every such run to."""
    played = next(story.played[chapter] for story in undisturbed.values() if chapter in story.played)
    return matrix.killed_row(chapter, played.writes + played.posts, played.ending)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_run_killed_at_any_write_is_made_good_by_the_next_ones(
    undisturbed: dict[str, Story],
    disturbed: list[Story],
    blows: tuple[Blow, ...],
    chapter: str,
    request: pytest.FixtureRequest,
) -> None:
    told = [story for story in disturbed if chapter in story.deaths]
    row = row_of(undisturbed, chapter)
    if request.config.getoption("--write-orders"):
        matrix.write([row])
    assert row in matrix.read()
    reference = {
        name: story.played[chapter] for name, story in undisturbed.items() if chapter in story.played
    }
    first = next(iter(reference.values()))
    assert len(told) == len(blows) * (first.writes + first.posts) > 0
    for story in told:
        assert story.failure is None, (str(story.deaths[chapter]), story.failure)
        played = story.played[chapter]
        expected = next(played for name, played in reference.items() if name in story.chapters)
        where = (chapter, str(story.deaths[chapter]), played.runs)
        assert played.ending == expected.ending, where
        assert played.finishing == expected.finishing, where


def test_every_life_counts_the_same_writes_when_nothing_is_disturbed(undisturbed: dict[str, Story]) -> None:
    for chapter in ("create", "terminate"):
        counts = {
            (story.played[chapter].writes, story.played[chapter].posts)
            for story in undisturbed.values()
            if chapter in story.played
        }
        assert len(counts) == 1, chapter
