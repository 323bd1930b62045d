"""Microseconds that a decision takes: a typical principal (5 policies, 40 statements, conditions, variables), and hostile patterns.

Run: `.venv/bin/python bench/micro_policy.py`. Prints the median of several repeats.
"""

from __future__ import annotations

import json
import statistics
import timeit
from typing import TYPE_CHECKING, Any

from fogbank.auth.policy import Decision, Policies, Policy, PolicySet, decide, parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/bob"
NUMBER, REPEATS = 2000, 9
SERVICES = ("s3", "ec2", "lambda", "sqs", "sns", "dynamodb", "logs", "iam")


class Caller:
    """A user, as Principal elements see it."""

    kind = "user"
    account, arn, issuer, id, service, provider = ACCOUNT, ARN, ARN, "AIDACKCEVSQ6C2EXAMPLE", "", ""


def statement(service: str, number: int) -> dict[str, Any]:
    """One of a service's statements: reads everywhere, writes under the user's name, a deny without TLS, …"""
    own = f"arn:aws:{service}:*:{ACCOUNT}:*" if service != "s3" else "arn:aws:s3:::data/${aws:username}/*"
    return [
        {"Effect": "Allow", "Action": [f"{service}:Get*", f"{service}:List*", f"{service}:Describe*"], "Resource": own},
        {
            "Effect": "Allow",
            "Action": [f"{service}:Put*", f"{service}:Create*"],
            "Resource": own,
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": ["blue", "green"]}},
        },
        {
            "Effect": "Deny",
            "Action": f"{service}:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Effect": "Deny",
            "NotAction": f"{service}:*",
            "Resource": f"arn:aws:{service}:*:*:*locked/*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}},
        },
        {
            "Effect": "Allow",
            "Action": f"{service}:Delete*",
            "Resource": own,
            "Condition": {"StringLike": {"aws:ResourceTag/owner": "${aws:username}*"}},
        },
    ][number]


def policy(number: int) -> Policy:
    """One of five policies of eight statements."""
    statements = [statement(service, number) for service in SERVICES]
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}), "identity", f"policy{number}")


def microseconds(action: Callable[[], object], number: int = NUMBER) -> float:
    """The median time of one call."""
    return statistics.median(timeit.repeat(action, number=number, repeat=REPEATS)) / number * 1e6


def main() -> None:
    """Print one line for each kind of request."""
    policies = Policies(PolicySet(policy(number) for number in range(5)))
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    full = PolicySet([parse_policy(json.dumps(everything), "control", "FullAWSAccess")])
    bounded = Policies(policies.identity, boundary=PolicySet([policy(0), policy(2)]), control=(full,) * 3)
    context = {
        "aws:username": "bob",
        "aws:securetransport": "true",
        "aws:sourceip": "10.1.2.3",
        "aws:principaltag/team": "green",
    }
    who: Any = Caller()
    cases: dict[str, tuple[str, str, Policies]] = {
        "S3 GetObject, own": ("s3:GetObject", "arn:aws:s3:::data/bob/a/b.jpg", policies),
        "S3 PutObject, own": ("s3:PutObject", "arn:aws:s3:::data/bob/a/b.jpg", policies),
        "S3 GetObject, other's": ("s3:GetObject", "arn:aws:s3:::data/eve/a/b.jpg", policies),
        "SQS GetQueueUrl": ("sqs:GetQueueUrl", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs", policies),
        "with boundary, 3 SCPs": ("s3:GetObject", "arn:aws:s3:::data/bob/a/b.jpg", bounded),
    }
    for name, (action, resource, applied) in cases.items():

        def once(action: str = action, resource: str = resource, applied: Policies = applied) -> Decision:
            return decide(action, resource, who, context, applied)

        print(f"{name:28s} {microseconds(once):7.1f} us  {'allowed' if once().allowed else 'denied'}")
    hostile = {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::" + "a*" * 500 + "?b"}
    slow = Policies(PolicySet([parse_policy(json.dumps({"Statement": hostile}), "identity")]))
    text = "arn:aws:s3:::" + "a" * 2048
    print(f"{'hostile pattern':28s} {microseconds(lambda: decide('s3:GetObject', text, who, {}, slow), 20):7.1f} us")
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement(each, 0) for each in SERVICES]})
    print(f"{'parse 8 statements':28s} {microseconds(lambda: parse_policy(document, 'identity'), 200):7.1f} us")


if __name__ == "__main__":
    main()
