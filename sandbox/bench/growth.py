"""How what we do grows with what it must read: points, their exponent, their plot."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from flows.plots import COLOURS, STYLE
from sandbox.bench.ratios import cpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Step:
    """One side of a row, over one of the site's figures."""

    title: str
    key: str
    side: str
    over: str
    less: str = ""
    """A side of the same row that is taken off: a run with nothing to do."""

    def points(self, runs: Sequence[Mapping[str, Any]]) -> Points:
        """How much there is, and CPU seconds, of every run that has them."""
        found = []
        for run in runs:
            row = run["rows"].get(self.key, {})
            if self.side in row:
                seconds = cpu(row[self.side]) - (cpu(row[self.less]) if self.less else 0)
                found.append((float(run["site"][self.over]), seconds))
        return found


STEPS = (
    Step("bare sacctmgr, three reads", "pull_quiet", "bare", "associations"),
    Step("pull without changes", "pull_quiet", "ours", "associations"),
    Step("plan", "plan", "ours", "associations"),
    Step("everybody joins a project", "membership", "ours", "users", "quiet"),
    Step("the same, bare sacctmgr", "membership", "bare", "users"),
    Step("bare sacct of the month", "push_first", "bare", "jobs"),
    Step("push from nothing", "push_first", "ours", "jobs"),
    Step("push again, nothing new", "push_warm", "ours", "jobs"),
    Step("push after an hour with its jobs", "push_hour", "ours", "jobs"),
    Step("the old agents' hourly run", "push_first", "old", "jobs"),
)


def exponent(points: Points) -> float:
    """The slope of the straight line nearest to the points, both axes logarithmic."""
    logs = [(math.log(size), math.log(seconds)) for size, seconds in points]
    middle_x = math.fsum(x for x, _ in logs) / len(logs)
    middle_y = math.fsum(y for _, y in logs) / len(logs)
    across = math.fsum((x - middle_x) ** 2 for x, _ in logs)
    return math.fsum((x - middle_x) * (y - middle_y) for x, y in logs) / across


def plot(runs: Sequence[Mapping[str, Any]]) -> str:
    """Two pictures beside each other as one SVG: what grows with associations or users, and with jobs."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": "benchmarks"}):
        figure = Figure(figsize=(9.0, 5.4), layout="constrained")
        sides = figure.subplots(1, 2)
        for axes, over in zip(sides, (("associations", "users"), ("jobs",)), strict=True):
            drawn = [step for step in STEPS if step.over in over]
            for colour, step in zip(COLOURS, drawn, strict=False):
                points = step.points(runs)
                if points:
                    axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=step.title)
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:,.12g}")
                axis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(" or ".join(over))
            axes.set_ylabel("CPU seconds")
            axes.grid(color="#e2e8f0", linewidth=0.6)
            axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18))
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
