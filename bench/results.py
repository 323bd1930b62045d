"""What was measured, and the table of it: medians over the rounds, ratios to the peers, and the targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Target:
    """What Fogbank's figure should be: `over` a peer's figure by a factor, or (`over` is empty) at least or at most a number."""

    number: float
    over: str = ""
    most: bool = False

    def told(self) -> str:
        """The target in words."""
        if self.over:
            return f">= {self.number:g}x {self.over}"
        return f"{'<' if self.most else '>='} {self.number:,g}"

    def met(self, medians: dict[str, float]) -> bool | None:
        """Whether it is; None where the figures for it are missing."""
        ours = medians.get("fogbank")
        if ours is None or (self.over and self.over not in medians):
            return None
        if self.over:
            return ours >= self.number * medians[self.over]
        return ours < self.number if self.most else ours >= self.number


@dataclass
class Measure:
    """One thing that is measured, with its samples by server."""

    name: str
    unit: str
    targets: tuple[Target, ...] = ()
    samples: dict[str, list[float]] = field(default_factory=dict)

    def medians(self) -> dict[str, float]:
        """The median of each server's samples."""
        return {server: median(values) for server, values in self.samples.items()}

    def ratio(self, peer: str) -> float | None:
        """Fogbank's figure over a peer's."""
        medians = self.medians()
        ours, theirs = medians.get("fogbank"), medians.get(peer)
        return ours / theirs if ours is not None and theirs else None

    def verdict(self) -> str:
        """The targets, and whether each is met."""
        words = {True: "met", False: "MISSED", None: "-"}
        return "; ".join(f"{target.told()} {words[target.met(self.medians())]}" for target in self.targets)


class Results:
    """All measures of a run, in the order in which they were first taken."""

    def __init__(self) -> None:
        self.measures: dict[str, Measure] = {}
        self.remarks: list[str] = []

    def add(self, name: str, unit: str, server: str, value: float, *targets: Target) -> None:
        """Keep one sample."""
        measure = self.measures.setdefault(name, Measure(name, unit, targets))
        measure.samples.setdefault(server, []).append(value)

    def remark(self, text: str) -> None:
        """Keep something to be told below the table."""
        if text not in self.remarks:
            self.remarks.append(text)

    def as_json(self) -> dict[str, Any]:
        """All of it, with every sample."""
        return {
            "measures": [
                {
                    "name": measure.name,
                    "unit": measure.unit,
                    "samples": measure.samples,
                    "medians": measure.medians(),
                    "ratios": {peer: measure.ratio(peer) for peer in measure.samples if peer != "fogbank"},
                    "targets": [
                        {"target": target.told(), "met": target.met(measure.medians())} for target in measure.targets
                    ],
                }
                for measure in self.measures.values()
            ],
            "remarks": self.remarks,
        }

    def show(self) -> None:
        """Print the table."""
        servers = list(dict.fromkeys(server for measure in self.measures.values() for server in measure.samples))
        peers = [server for server in servers if server not in ("fogbank", "client")]
        table = Table(title="medians (min–max over the rounds)")
        for heading in ("measure", *servers, *(f"x {peer}" for peer in peers), "target"):
            table.add_column(heading, justify="left" if heading in ("measure", "target") else "right", no_wrap=True)
        for measure in self.measures.values():
            figures = [shown(measure.samples.get(server), measure.unit) for server in servers]
            ratios = [f"{ratio:.2f}" if (ratio := measure.ratio(peer)) else "" for peer in peers]
            table.add_row(measure.name, *figures, *ratios, measure.verdict())
        # As wide as it needs to be: a table that is cut or folded cannot be compared.
        Console(width=260).print(table)
        for remark in self.remarks:
            print(f"- {remark}")


def shown(samples: list[float] | None, unit: str) -> str:
    """A median with its unit, and the range where there are several samples."""
    if not samples:
        return ""
    text = f"{number(median(samples))} {unit}"
    return f"{text} ({number(min(samples))}–{number(max(samples))})" if len(samples) > 1 else text


def number(value: float) -> str:
    """Three significant digits or more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
