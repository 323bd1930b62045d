"""`fogbank tour`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fogbank.cli.options import which_region

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.tour.tour import Tour

# Name: (its title, where it is, the step that it builds on).
STEPS = {
    "sync": ("aws s3 sync: a tree of files into a new bucket", "fogbank.tour.objects:sync_up", None),
    "verify": ("Everything back, and every checksum", "fogbank.tour.objects:verify", "sync"),
    "list": ("Listings", "fogbank.tour.objects:list_prefixes", "sync"),
    "presign": ("A presigned URL", "fogbank.tour.objects:presign", "sync"),
    "copy": ("Copy, move, delete", "fogbank.tour.objects:copy_move_delete", "sync"),
    "caller": ("A second caller", "fogbank.tour.callers:second_caller", "sync"),
    "keep": ("Versions, encryption, a page for everybody", "fogbank.tour.keeping:keeping", None),
    "race": ("A race: files arrive, a function makes pages of them", "fogbank.tour.race:race", None),
    "crash": ("kill -9 in the middle of uploads", "fogbank.tour.crash:crash", "sync"),
    "terraform": ("Terraform", "fogbank.tour.terraform:terraform", None),
}


def chosen(_context: click.Context, _option: click.Parameter, value: str | None) -> list[str]:
    """The steps to take, in their order, with those that they build on."""
    names = [name.strip() for name in value.split(",")] if value else list(STEPS)
    for name in names:
        if name not in STEPS:
            raise click.BadParameter(f"there is no step {name!r}; the steps are {', '.join(STEPS)}")
    wanted = {*names, *(STEPS[name][2] for name in names)}
    return [name for name in STEPS if name in wanted]


@click.command()
@which_region
@click.option(
    "--tree",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Sync this directory, not Python's library.",
)
@click.option("--steps", callback=chosen, help=f"Only these, separated by commas: {', '.join(STEPS)}.")
@click.option("--keep", is_flag=True, help="Leave the buckets, the race's pages and the files that came back.")
def tour(data: Path | None, config: Path | None, tree: Path | None, steps: list[str], keep: bool) -> None:
    """Show a running region at work, and check every answer.

    The aws command syncs thousands of files, lists, presigns, copies; a function makes the results of a race; all processes are
    killed in the middle of uploads and started again; Terraform makes and removes what it describes. What the tour makes, it
    removes (with --keep it leaves the buckets, and the race's pages). Exit code: 0 if all is as it
    must be, else 1.
    """
    import signal

    from fogbank.cli.options import settings_of
    from fogbank.tour.screen import Screen
    from fogbank.tour.target import Target
    from fogbank.tour.tour import touring

    for number in (signal.SIGTERM, signal.SIGHUP):  # they end the tour as Ctrl-C does: it cleans up
        signal.signal(number, signal.default_int_handler)
    target = Target(settings_of(data, config).data)
    screen = Screen()
    runtime = target.runtime
    screen.title(f"A tour of {runtime.endpoint}, account {runtime.account}, region {runtime.region}")
    with touring(target, screen, keep=keep, user_tree=tree.absolute() if tree else None) as made:
        for name in steps:
            take(made, name)


def take(made: Tour, name: str) -> None:
    """One step."""
    import importlib

    title, where, _ = STEPS[name]
    module, _, function = where.partition(":")
    step: Callable[[Tour], None] = getattr(importlib.import_module(module), function)
    with made.screen.step(title):
        step(made)
