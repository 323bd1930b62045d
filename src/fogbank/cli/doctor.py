"""`fogbank doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.cli.checks import Check


@click.command()
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Check what this machine has, and what to install.

    Today's services need only what is marked as needed now, and to run functions what is marked so; the rest is for
    engines that come later. Exit code 1 if something is missing that is needed now.
    """
    from fogbank.cli import checks, checks_functions

    found = [*checks.run_all(settings_of(data, config)), *checks_functions.run()]
    usable = all(check.ok for check in found if check.need == checks.NOW)
    if as_json:
        print_json({"ok": usable, "checks": [check._asdict() for check in found]})
    else:
        _show(found, usable)
    context.exit(0 if usable else 1)


def _show(found: list[Check], usable: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from fogbank.cli import checks

    titles = {
        checks.NOW: "Needed now",
        checks.FUNCTIONS: "For Lambda functions",
        checks.CLIENT: "Clients: not needed, but useful",
        checks.LATER: "For engines that come later: nothing uses these today",
    }
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(check.name) for check in found)
    for need, title in titles.items():
        console.print(f"[bold]{title}[/]")
        for check in (check for check in found if check.need == need):
            colour = "green" if check.ok else "red" if need == checks.NOW else "yellow"
            word = "ok" if check.ok else "missing"
            console.print(f"  [{colour}]{word:<7}[/]  {check.name:<{width}}  ", end="")
            console.print(Text(_found(check)))
        console.print()
    functions = all(check.ok for check in found if check.need == checks.FUNCTIONS)
    console.print(
        "[red]Something that is needed now is missing.[/]"
        if not usable
        else "[green]Every service of today can run here.[/]"
        if functions
        else "[yellow]Every service of today can run here, but no function.[/]"
    )


def _found(check: Check) -> str:
    if check.ok:
        return check.found
    return f"{check.found}; {check.purpose}" + (f": {check.fix}" if check.fix else "")
