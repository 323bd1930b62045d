"""`fogbank status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fogbank.cli.options import home_relative, print_json, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.processes import Runtime

_NOT_RUNNING = 3  # what a service's status command exits with, says the Linux Standard Base


@click.command()
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(context: click.Context, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show the region's processes and whether it answers.

    Exit code: 0 if it runs and answers, 1 if it runs and does not, 3 if it does not run.
    """
    from fogbank.region import processes
    from fogbank.region.data import DataDir

    directory = DataDir(settings_of(data, config).data)
    runtime = processes.running(directory)
    if runtime is None:
        if as_json:
            print_json({"running": False, "data": str(directory.root)})
        else:
            click.echo(f"No region is running on {home_relative(directory.root)}.")
        context.exit(_NOT_RUNNING)
    report = examine(runtime, directory.root)
    if as_json:
        print_json(report)
    else:
        _show(report)
    context.exit(0 if report["healthy"] else 1)


def examine(runtime: Runtime, data: Path) -> dict[str, Any]:
    """What can be seen of a running region. Memory is PSS in bytes, times seconds."""
    from fogbank.region import health, processes

    found = health.probe(runtime.host, runtime.port, ca=runtime.ca)
    rows = []
    for name, process in {"supervisor": runtime.supervisor, **runtime.children}.items():
        alive = process.alive()
        rows.append(
            {
                "name": name,
                "pid": process.pid,
                "alive": alive,
                "uptime": round(processes.uptime(process), 1) if alive else None,
                "memory": processes.memory(process.pid) if alive else None,
            }
        )
    return {
        "running": True,
        "healthy": found.ok,
        "problem": found.problem,
        "answered_in_ms": round(found.milliseconds, 2),
        "endpoint": runtime.endpoint,
        "port": runtime.port,
        "account": runtime.account,
        "region": runtime.region,
        "data": str(data),
        "ca": runtime.ca,
        "restarts": runtime.restarts,
        "processes": rows,
        "memory": sum(row["memory"] or 0 for row in rows),
        "scrub": last_scrub(data),
    }


def last_scrub(data: Path) -> dict[str, Any] | None:
    """What the last scrub found; None if there was none yet, or the state cannot be read."""
    from fogbank.cli.scrub import told
    from fogbank.region.data import DataDir
    from fogbank.store import scrubs
    from fogbank.store.api import StoreError
    from fogbank.store.sqlite import SqliteStore

    try:
        store = SqliteStore(DataDir(data).state / "state.db")
        try:
            with store.snapshot() as tx:
                found = scrubs.last(tx)
        finally:
            store.close()
    except StoreError:
        return None
    return told(found) if found else None


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    health = (
        f"[green]answers[/] in {report['answered_in_ms']} ms" if report["healthy"] else f"[red]{report['problem']}[/]"
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{report['endpoint']}[/]  {health}")
    console.print(f"account {report['account']}, region {report['region']}, data {home_relative(report['data'])}\n")
    table = Table("Process", "Pid", "Uptime", "Memory", box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in report["processes"]:
        state = _duration(row["uptime"]) if row["alive"] else "[red]gone[/]"
        table.add_row(row["name"], str(row["pid"]), state, _megabytes(row["memory"]))
    console.print(table)
    count = report["restarts"]
    restarts = f", {count} restart{'s' * (count != 1)}" if count else ""
    console.print(f"\n{_megabytes(report['memory'])} in all{restarts}")
    console.print(_scrubbed(report["scrub"]))


def _scrubbed(found: dict[str, Any] | None) -> str:
    from datetime import UTC, datetime

    from fogbank.cli.state import bytes_told

    if found is None:
        return "never scrubbed yet"
    when = datetime.fromtimestamp(found["ended"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    outcome = f"[red]{found['damaged']} damaged[/]: `fogbank scrub` names them" if found["damaged"] else "all whole"
    return f"last scrub {when} UTC: {found['blobs']:,} blobs, {bytes_told(found['bytes'])}, {outcome}"


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 2**20:.1f} MiB"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
