"""`fogbank iam explain`: which statement allowed or denied a request, from the event that was recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.events import EventReader

WAIT: Final = 0.4  # seconds: an event may wait in its worker for half of that
KINDS_OF_POLICY: Final = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "control": "service control policy",
}


@click.group()
def iam() -> None:
    """Explain who may do what."""


@iam.command()
@click.argument("request_id")
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def explain(context: click.Context, request_id: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show what a request was allowed or denied, and by which statements.

    REQUEST_ID is in every answer: x-amz-request-id, x-amzn-RequestId, or what a client shows of an error.
    Exit code: 0, or 1 if there is no event of the request (any more).
    """
    from fogbank.region.data import DataDir
    from fogbank.region.events import EventReader

    directory = DataDir(settings_of(data, config).data)
    event = find(EventReader(directory.events), request_id)
    if event is None:
        click.secho(
            f"There is no event of request {printable(request_id)}. Old events are deleted; how many are kept is a setting "
            "(fogbank config show).",
            err=True,
        )
        context.exit(1)
    if as_json:
        print_json(explanation(event))
    else:
        click.echo("\n".join(told(event)))


def find(reader: EventReader, request_id: str) -> dict[str, Any] | None:
    """The event of a request. One of this moment may still wait to be written."""
    from threading import Event

    found = _search(reader, request_id)
    if found is None:
        Event().wait(WAIT)
        found = _search(reader, request_id)
    return found


def _search(reader: EventReader, request_id: str) -> dict[str, Any] | None:
    import msgspec

    from fogbank.region.events import KINDS

    wanted = b'"requestID":' + msgspec.json.encode(request_id)
    for kind in KINDS:
        for found in reader.newest(kind):
            if wanted in found.line:
                try:
                    event = msgspec.json.decode(found.line)
                except msgspec.DecodeError:  # damaged on disk
                    continue
                if isinstance(event, dict) and event.get("requestID") == request_id:
                    return event
    return None


def explanation(event: dict[str, Any]) -> dict[str, Any]:
    """An event as far as it explains: who asked for what, what came of it, and each permission that was asked for."""
    from fogbank.cli.events import operation_of

    more = event["additionalEventData"]
    caller = event["userIdentity"]
    return {
        "requestId": event["requestID"],
        "time": event["eventTime"],
        "operation": operation_of(event),
        "region": event["awsRegion"],
        "status": more["httpStatus"],
        "errorCode": event.get("errorCode"),
        "errorMessage": event.get("errorMessage"),
        "caller": {name: caller.get(name) for name in ("type", "arn", "accountId", "accessKeyId")},
        "sourceIPAddress": event["sourceIPAddress"],
        "permissions": more["decisions"],
    }


def told(event: dict[str, Any]) -> list[str]:
    """The explanation in lines of plain words."""
    about = explanation(event)
    caller = about["caller"]
    result = " ".join(str(word) for word in (about["status"], about["errorCode"]) if word)
    lines = [
        f"Request   {about['requestId']}, {about['time']}, region {about['region'] or 'not known'}",
        f"Asked     {about['operation']}",
        f"By        {_caller(caller)}, from {about['sourceIPAddress'] or 'an unknown address'}",
        f"Answered  {result}" + (f": {about['errorMessage']}" if about["errorMessage"] else ""),
    ]
    permissions = about["permissions"]
    if not permissions:
        lines += ["", _why_none(about)]
    for number, permission in enumerate(permissions, 1):
        lines += ["", f"{number}. {permission['action']} on {permission['resource']}", *_decision(permission)]
    return [printable(line) for line in lines]


def _caller(caller: dict[str, Any]) -> str:
    if caller["type"] == "Unknown":
        return f"an unverified caller with access key {caller['accessKeyId'] or 'none'}"
    if caller["arn"] is None:
        return "an anonymous caller" if caller["type"] == "AWSAccount" else str(caller["type"])
    return f"{caller['arn']} ({caller['type']}, access key {caller['accessKeyId'] or 'none'})"


def _why_none(about: dict[str, Any]) -> str:
    if about["caller"]["type"] == "Unknown":
        return "No permission was asked for: the caller was not authenticated."
    if about["errorCode"]:
        return "No permission was asked for: the request was refused before."
    return "No permission was asked for: the operation needs none."


def _decision(permission: dict[str, Any]) -> list[str]:
    kind = KINDS_OF_POLICY.get(permission["kind"], permission["kind"])
    if permission["decision"] == "allowed":
        lines = ["   allowed"]
    elif permission["decision"] == "explicitDeny":
        lines = [f"   denied by a {kind}" if kind[0] not in "aeiou" else f"   denied by an {kind}"]
    else:
        lines = [f"   denied, because no {kind} allows it"]
    for match in permission["by"]:
        policy, _, statement = match.rpartition("#")
        which = f"statement {statement}" if statement.isdigit() else f'statement "{statement}"'
        lines.append(f"   by {which} of {policy}")
    if permission["missing"]:
        lines.append(
            f"   condition keys that policies asked for and the request has not: {', '.join(permission['missing'])}"
        )
    return lines


def printable(text: str) -> str:
    """A text of which nothing moves the reader's cursor: callers chose parts of it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
