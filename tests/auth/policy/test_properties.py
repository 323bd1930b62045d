"""What holds for all policies, and that the compiled evaluator agrees with the slow one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auth.policy.asking import BOB, A, ask, policies
from auth.policy.reference import verdict
from fogbank.auth.policy import Policies, Policy, PolicySet, parse_policy

ACTIONS = ["s3:GetObject", "s3:PutObject", "ec2:RunInstances"]
RESOURCES = ["arn:aws:s3:::b/bob/k", "arn:aws:s3:::b/eve/k", "arn:aws:s3:::c", "*"]
KEYS = ["aws:username", "aws:TagKeys", "aws:RequestTag/Team"]
WORDS = ["bob", "eve", "blue", "b*", "?ob", "${aws:username}", "${aws:RequestTag/Team}"]
OPERATORS = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]
OPERATORS += [operator + "IfExists" for operator in OPERATORS]
OPERATORS += [f"{each}:{operator}" for each in ("ForAllValues", "ForAnyValue") for operator in OPERATORS]


def some(elements: list[str]) -> st.SearchStrategy[list[str]]:
    """One to three of them."""
    return st.lists(st.sampled_from(elements), min_size=1, max_size=3)


action = some([*ACTIONS, "*", "s3:*", "S3:get*", "ec2:Run?nstances", "*:*"])
resource = some(
    [*RESOURCES, "arn:aws:s3:::*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::?/*k", "arn:aws:ec2:::i"]
)
conditions = st.dictionaries(
    st.sampled_from(OPERATORS), st.dictionaries(st.sampled_from(KEYS), some(WORDS), min_size=1, max_size=2), max_size=2
)
nulls = st.fixed_dictionaries({"Null": st.dictionaries(st.sampled_from(KEYS), some(["true", "false"]), max_size=1)})


@st.composite
def statements(draw: st.DrawFn, principal: bool = False) -> dict[str, Any]:
    """A statement, with a Principal or without."""
    found: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    found[draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))] = draw(action)
    found[draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))] = draw(resource)
    found["Condition"] = draw(st.one_of(st.just({}), st.just({}), conditions, nulls))
    if principal:
        found["Principal"] = {"AWS": draw(some([BOB.arn, A, "*", "444455556666"]))}
    return found


sets = st.lists(statements(), min_size=1, max_size=4)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "aws:username": st.sampled_from(["bob", "eve"]),
        "aws:tagkeys": st.lists(st.sampled_from(["bob", "blue", ""]), max_size=3).map(tuple),
        "aws:requesttag/team": st.sampled_from(["blue", "bob"]),
    },
)
requests = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(RESOURCES))
layers = st.fixed_dictionaries(
    {
        "identity": st.lists(sets, min_size=1, max_size=1),
        "boundary": st.lists(sets, max_size=1),
        "session": st.lists(sets, max_size=1),
        "control": st.lists(sets, max_size=2),
    }
)
everything = settings(max_examples=300, deadline=None)


def compiled(of: list[dict[str, Any]], kind: Any = "identity") -> Policy:
    """A policy of these statements."""
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": of}), kind)


def applied(of: dict[str, list[list[dict[str, Any]]]]) -> Policies:
    """The layers, compiled."""
    found = {name: [PolicySet([compiled(each)]) for each in each_layer] for name, each_layer in of.items()}
    return Policies(
        found["identity"][0],
        boundary=found["boundary"][0] if found["boundary"] else None,
        session=found["session"][0] if found["session"] else None,
        control=tuple(found["control"]),
    )


@everything
@given(layers, st.lists(statements(principal=True), max_size=3), requests, contexts)
def test_the_compiled_evaluator_agrees_with_the_slow_one(
    of: dict[str, Any], bucket: list[Any], request: tuple[str, str], context: dict[str, Any]
) -> None:
    resource_policy = compiled(bucket, "resource") if bucket else None
    found = ask(applied(of), *request, context=context, resource_policy=resource_policy)
    caller = {"arn": BOB.arn, "account": A}
    assert found.allowed == verdict(of, bucket, request, caller, context)
    assert bool(found.by) == (found.allowed or found.explicit)
    assert not (found.allowed and found.explicit)


@everything
@given(sets, statements(), requests, contexts)
def test_a_deny_more_never_allows(
    of: list[Any], more: dict[str, Any], request: tuple[str, str], context: dict[str, Any]
) -> None:
    before = ask(policies(*of), *request, context=context)
    after = ask(policies(*of, more | {"Effect": "Deny"}), *request, context=context)
    assert before.allowed or not after.allowed
    assert after.explicit or not before.explicit


@everything
@given(sets, statements(), requests, contexts)
def test_an_allow_less_never_allows(
    of: list[Any], less: dict[str, Any], request: tuple[str, str], context: dict[str, Any]
) -> None:
    before = ask(policies(*of, less | {"Effect": "Allow"}), *request, context=context)
    assert before.allowed or not ask(policies(*of), *request, context=context).allowed


@everything
@given(st.data(), st.lists(sets, min_size=1, max_size=3), requests, contexts)
def test_order_never_matters(
    data: st.DataObject, of: list[list[Any]], request: tuple[str, str], context: dict[str, Any]
) -> None:
    def shuffled(element: Any) -> Any:
        if isinstance(element, list):
            return [shuffled(each) for each in data.draw(st.permutations(element))]
        if isinstance(element, dict):
            return {key: shuffled(element[key]) for key in data.draw(st.permutations(list(element)))}
        return element

    first = Policies(PolicySet(compiled(each) for each in of))
    second = Policies(PolicySet(compiled(each) for each in shuffled(of)))
    one, other = ask(first, *request, context=context), ask(second, *request, context=context)
    assert (one.allowed, one.explicit, one.kind) == (other.allowed, other.explicit, other.kind)
    again = ask(first, *request, context=context)
    assert again == one
