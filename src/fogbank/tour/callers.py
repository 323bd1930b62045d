"""The step with a second caller, who may do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fogbank.tour.tour import Tour


def second_caller(tour: Tour) -> None:
    """A new user is told who he is, and refused the rest; without his key he is nobody."""
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
    tour.aws("iam", "delete-access-key", "--user-name", tour.user, "--access-key-id", key["AccessKeyId"])
    tour.refused("InvalidClientTokenId", "sts", "get-caller-identity", environ=his)
    tour.aws("iam", "delete-user", "--user-name", tour.user)
