"""The step with a second caller: what he may do is what his policies say, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fogbank.tour.tour import Tour


def second_caller(tour: Tour) -> None:
    """A new user is told who he is, and refused the rest; a policy and a role let him in; without his key he is nobody."""
    tour.json("iam", "create-user", "--user-name", tour.user)
    key = tour.json("iam", "create-access-key", "--user-name", tour.user)["AccessKey"]
    his = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    tour.screen.say("with his key:")
    identity = tour.json("sts", "get-caller-identity", environ=his)
    arn = f"arn:aws:iam::{tour.target.runtime.account}:user/{tour.user}"
    tour.check(identity["Arn"] == arn, f"the user is told to be {identity['Arn']}, not {arn}")
    tour.screen.say(f"he is told who he is: {identity['Arn']}")
    tour.refused("AccessDenied", "s3", "ls", tour.url(), environ=his)
    tour.refused("AccessDenied", "iam", "create-access-key", "--user-name", tour.user, environ=his)
    tour.refused(
        "SignatureDoesNotMatch", "s3", "ls", environ=his | {"AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"][::-1]}
    )
    with_a_policy(tour, his)
    in_a_role(tour, his, arn)
    tour.aws("iam", "delete-access-key", "--user-name", tour.user, "--access-key-id", key["AccessKeyId"])
    tour.refused("InvalidClientTokenId", "sts", "get-caller-identity", environ=his)
    tour.client.remove_user(tour.user)


def document(*statements: dict[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def with_a_policy(tour: Tour, his: dict[str, str]) -> None:
    """He may list what is below one prefix, and no more."""
    may_list = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{tour.bucket}",
        "Condition": {"StringLike": {"s3:prefix": "copies/*"}},
    }
    may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{tour.user}"}
    words = ("iam", "put-user-policy", "--user-name", tour.user, "--policy-name", "tour", "--policy-document")
    tour.aws(*words, document(may_list, may_assume))
    tour.aws("s3api", "list-objects-v2", "--bucket", tour.bucket, "--prefix", "copies/", environ=his)
    tour.screen.say("with a policy he lists copies/ at once, and no more:")
    tour.refused("AccessDenied", "s3", "ls", tour.url(), environ=his)


def in_a_role(tour: Tour, his: dict[str, str], arn: str) -> None:
    """The session of a role writes where the role may; its token is worth nothing with another key, or once it is revoked."""
    trust = document({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"})
    role = ("iam", "create-role", "--role-name", tour.user, "--assume-role-policy-document", trust)
    role_arn = tour.json(*role)["Role"]["Arn"]
    may = document({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{tour.bucket}/role/*"})
    put = ("iam", "put-role-policy", "--role-name", tour.user, "--policy-name")
    tour.aws(*put, "tour", "--policy-document", may)
    assume = ("sts", "assume-role", "--role-arn", role_arn, "--role-session-name", "tour")
    given = tour.json(*assume, environ=his)["Credentials"]
    session = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    write = ("s3api", "put-object", "--bucket", tour.bucket, "--key")
    tour.aws(*write, "role/one", environ=session)
    tour.screen.say("in a role he writes below role/:")
    tour.refused("AccessDenied", *write, "elsewhere", environ=session)
    tour.refused("InvalidToken", *write, "role/two", environ=his | {"AWS_SESSION_TOKEN": given["SessionToken"]})
    earlier = {"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}
    revoked = document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": earlier})
    tour.aws(*put, "AWSRevokeOlderSessions", "--policy-document", revoked)
    tour.refused("AccessDenied", *write, "role/three", environ=session)
    tour.client.remove_role(tour.user)
