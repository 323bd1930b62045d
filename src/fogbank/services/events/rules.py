"""Rules: which events, or which times, lead to their targets.

Source: API Reference, PutRule, DescribeRule, ListRules, DeleteRule, EnableRule, DisableRule, ListRuleNamesByTarget.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.core.service import Permission
from fogbank.services.events import schedule
from fogbank.services.events.addressing import addressed, need_bus, need_rule
from fogbank.services.events.errors import bad_pattern, cross_account, invalid, too_many
from fogbank.services.events.listing import after, paged
from fogbank.services.events.pattern import compiled
from fogbank.services.events.pattern_text import PatternError
from fogbank.services.events.records import DEFAULT, DISABLED, ENABLED, Rule, by_target, rules, targets
from fogbank.services.events.routing import changed, generation_of
from fogbank.services.events.service import events
from fogbank.services.events.tags import checked_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.events.records import Place

MOST: Final = 10_000  # rules of a bus; AWS's quota is 300 until more are asked for
MOST_TEXT: Final = 4 << 20  # characters of their patterns: compiled, they may take 100 MB; AWS's quotas come to 1.2 MB
STATES: Final = (ENABLED, DISABLED)


def pass_roles(call: Call, req: Input) -> list[Permission]:
    """Whoever gives a role of the account to EventBridge has to be allowed to."""
    given = [req["RoleArn"]] if "RoleArn" in req else []
    given += [target["RoleArn"] for target in req.get("Targets", ()) if "RoleArn" in target]
    if any(account_of(role) != call.account for role in given):
        raise cross_account()  # otherwise whoever may pass a role would act as any account's that trusts EventBridge
    keys = {"iam:passedtoservice": "events.amazonaws.com"}
    return [Permission("iam:PassRole", role, {}, keys) for role in dict.fromkeys(given)]


def account_of(role: str) -> str:
    """The account of a role, by its ARN; empty for what is none."""
    return role.split(":")[4] if role.count(":") >= 5 else ""


@events.operation(
    "write",
    "rule",
    takes="Name ScheduleExpression EventPattern State Description RoleArn Tags EventBusName",
    also=pass_roles,
)
def put_rule(call: Call, req: Input) -> dict[str, Any]:
    """Make a rule, or replace what one says; its targets stay, and so do its tags."""
    place, name = addressed(call, req)
    need_bus(call.tx, place)
    check(req, place)
    old = rules.get(call.tx, *place.parts, name)
    counted, longer = generation_of(call.tx, place), len(req.get("EventPattern", "")) - (len(old.pattern) if old else 0)
    if (old is None and counted.rules >= MOST) or (longer > 0 and counted.text + longer > MOST_TEXT):
        raise too_many()
    made = Rule(
        name=name,
        state=req.get("State", ENABLED),
        description=req.get("Description", ""),
        pattern=req.get("EventPattern", ""),
        schedule=req.get("ScheduleExpression", ""),
        role=req.get("RoleArn", ""),
        creator=old.creator if old else call.account,
        tags=old.tags if old else checked_tags({}, req.get("Tags", [])),
    )
    keep(call, place, scheduled(call, made, old), more=0 if old else 1, text=longer)
    return {"RuleArn": place.rule_arn(name)}


def check(req: Input, place: Place) -> None:
    """Refuse what a rule cannot be."""
    pattern, expression = req.get("EventPattern", ""), req.get("ScheduleExpression", "")
    if not pattern and not expression:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if req.get("State", ENABLED) not in STATES:
        raise not_implemented("A rule on management events of CloudTrail")
    if expression and place.bus != DEFAULT:
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    if expression and schedule.parse(expression) is None:
        raise invalid("Parameter ScheduleExpression is not valid.")
    if pattern:
        check_pattern(pattern)


def check_pattern(text: str) -> None:
    """InvalidEventPatternException unless a text is a pattern."""
    try:
        compiled(text)
    except PatternError as error:
        raise bad_pattern(str(error)) from None


def scheduled(call: Call, rule: Rule, old: Rule | None) -> Rule:
    """A rule with the time when it is due: a schedule goes on if it is as before, and begins anew otherwise."""
    if rule.state != ENABLED or not rule.schedule:
        return msgspec.structs.replace(rule, since=0, next=0)
    if old is not None and old.state == ENABLED and old.schedule == rule.schedule:
        return msgspec.structs.replace(rule, since=old.since, next=old.next)
    now = int(call.now.timestamp())
    found = schedule.parse(rule.schedule)
    return msgspec.structs.replace(rule, since=now, next=(found.after(now, now) or 0) if found else 0)


def keep(call: Call, place: Place, rule: Rule, more: int = 0, text: int = 0) -> None:
    """Keep a rule; `more` is how many that makes more, `text` how many characters of patterns."""
    rules.put(call.tx, rule, *place.parts, rule.name)
    changed(call.tx, call.ids, place, more, text)


@events.operation("read", "rule", takes="Name EventBusName")
def describe_rule(call: Call, req: Input) -> dict[str, Any]:
    """A rule, as it was put."""
    place, name = addressed(call, req)
    found = need_rule(call.tx, place, name)
    return told(place, found) | {"CreatedBy": found.creator}


def told(place: Place, rule: Rule) -> dict[str, Any]:
    """A rule, as callers see it."""
    found = {
        "Description": rule.description,
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "RoleArn": rule.role,
    }
    there = {name: value for name, value in found.items() if value}
    return {"Name": rule.name, "Arn": place.rule_arn(rule.name), "State": rule.state, "EventBusName": place.bus} | there


@events.operation("scan", "*", takes="NamePrefix EventBusName NextToken Limit")
def list_rules(call: Call, req: Input) -> dict[str, Any]:
    """The rules of a bus, by name."""
    place, _ = addressed(call, req)
    need_bus(call.tx, place)
    found = rules.scan(call.tx, *place.parts, starting_with=req.get("NamePrefix"), start_after=after(req))
    return paged(req, "Rules", ((rule.name, rule) for _, rule in found), lambda rule: told(place, rule))


@events.operation("scan", "*", takes="TargetArn EventBusName NextToken Limit")
def list_rule_names_by_target(call: Call, req: Input) -> dict[str, Any]:
    """The names of the rules of a bus that have a target."""
    place, _ = addressed(call, req)
    need_bus(call.tx, place)
    return paged(req, "RuleNames", with_target(call, place, req["TargetArn"], after(req)))


def with_target(call: Call, place: Place, arn: str, behind: str | None) -> Iterator[tuple[str, str]]:
    """The rules that have a target, once each."""
    found = by_target.scan(call.tx, *place.parts, arn, start_after=behind)
    return ((name, name) for name, _ in groupby(led.rule for _, led in found))


@events.operation("write", "rule", takes="Name EventBusName Force")
def delete_rule(call: Call, req: Input) -> dict[str, Any]:
    """Forget a rule without targets; one that is not there is no error. Force is for rules of AWS's services: there are none."""
    place, name = addressed(call, req)
    need_bus(call.tx, place)
    if any(True for _ in targets.scan(call.tx, *place.parts, name, limit=1)):
        raise invalid("Rule can't be deleted since it has targets.")
    found = rules.get(call.tx, *place.parts, name)
    if found is not None:
        rules.delete(call.tx, *place.parts, name)
        changed(call.tx, call.ids, place, -1, -len(found.pattern))
    return {}


@events.operation("write", "rule", takes="Name EventBusName")
def enable_rule(call: Call, req: Input) -> dict[str, Any]:
    """Have a rule do what it says; its schedule begins anew."""
    return switch(call, req, ENABLED)


@events.operation("write", "rule", takes="Name EventBusName")
def disable_rule(call: Call, req: Input) -> dict[str, Any]:
    """Have a rule do nothing."""
    return switch(call, req, DISABLED)


def switch(call: Call, req: Input, state: str) -> dict[str, Any]:
    """Give a rule a state."""
    place, name = addressed(call, req)
    old = need_rule(call.tx, place, name)
    keep(call, place, scheduled(call, msgspec.structs.replace(old, state=state), old))
    return {}
