"""Rules, targets and events that tests of EventBridge make."""

from __future__ import annotations

import json
from typing import Any

from support.region import ACCOUNT

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
OTHER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:g"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"
HERE = f"arn:aws:events:us-east-1:{ACCOUNT}"
TAGGED = {"ResourceARN": f"{HERE}:rule/r"}
# Inputs of EventBridge's operations that are valid, where the model does not say what that is.
MORE: dict[str, dict[str, Any]] = {
    "events:TagResource": TAGGED,
    "events:UntagResource": TAGGED,
    "events:ListTagsForResource": TAGGED,
}
SHOP = {"source": ["shop"]}


def rule(events: Any, name: str = "r", pattern: Any = None, *targets: dict[str, Any], **more: Any) -> str:
    """Put a rule, with targets; its ARN. Without targets it has one function."""
    bus = {"EventBusName": more["EventBusName"]} if "EventBusName" in more else {}
    if "ScheduleExpression" not in more and "EventPattern" not in more:
        more["EventPattern"] = json.dumps(SHOP if pattern is None else pattern)
    arn = events.put_rule(Name=name, **more)["RuleArn"]
    events.put_targets(Rule=name, Targets=list(targets) or [{"Id": "1", "Arn": FUNCTION}], **bus)
    return str(arn)


def entry(**more: Any) -> dict[str, Any]:
    """An event of a caller's."""
    return {"Source": "shop", "DetailType": "Sold", "Detail": '{"what": "tea", "price": 3.50}', **more}


def put(events: Any, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """Put events; what is said of each."""
    found: list[dict[str, Any]] = events.put_events(Entries=list(entries) or [entry()])["Entries"]
    return found
