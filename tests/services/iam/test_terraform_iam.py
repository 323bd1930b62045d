"""Terraform's aws_iam_* resources and data sources: applied, as described, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed"),
]

IDENTITIES = """
data "aws_caller_identity" "me" {}

resource "aws_iam_policy" "boundary" {
  name   = "boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}

resource "aws_iam_user" "ann" {
  name                 = "ann"
  path                 = "/people/"
  permissions_boundary = aws_iam_policy.boundary.arn
  force_destroy        = true
  tags                 = { Team = "red", Empty = "" }
}

resource "aws_iam_user" "bob" {
  name = "bob"
}

resource "aws_iam_group" "red" {
  name = "red"
  path = "/teams/"
}

resource "aws_iam_group_membership" "red" {
  name  = "red"
  group = aws_iam_group.red.name
  users = [aws_iam_user.ann.name, aws_iam_user.bob.name]
}

resource "aws_iam_group" "blue" {
  name = "blue"
}

resource "aws_iam_user_group_membership" "ann" {
  user   = aws_iam_user.ann.name
  groups = [aws_iam_group.blue.name]
  depends_on = [aws_iam_group_membership.red]
}

resource "aws_iam_access_key" "ann" {
  user = aws_iam_user.ann.name
}

resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = "Inactive"
}

resource "aws_iam_user_policy" "ann" {
  name   = "own"
  user   = aws_iam_user.ann.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "arn:aws:s3:::people/$${aws:username}/*" }]
  })
}

resource "aws_iam_group_policy" "red" {
  name   = "group"
  group  = aws_iam_group.red.name
  policy = data.aws_iam_policy_document.read.json
}
"""

ROLES = """
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com", "lambda.amazonaws.com"]
    }
  }
  statement {
    sid     = "People"
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.ann.arn, data.aws_caller_identity.me.account_id]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["x-1"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]
  }
}

resource "aws_iam_role" "work" {
  name                 = "work"
  path                 = "/service/"
  description          = "What works"
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = { Stage = "test" }
}

resource "aws_iam_role_policy" "work" {
  name   = "inline"
  role   = aws_iam_role.work.id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy" "read" {
  name        = "read"
  path        = "/data/"
  description = "Reads data"
  policy      = data.aws_iam_policy_document.read.json
  tags        = { Team = "red" }
}

resource "aws_iam_user_policy_attachment" "bob" {
  user       = aws_iam_user.bob.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group_policy_attachment" "red" {
  group      = aws_iam_group.red.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "work" {
  role       = aws_iam_role.work.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "admin" {
  role       = aws_iam_role.work.name
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}

resource "aws_iam_instance_profile" "work" {
  name = "work"
  path = "/service/"
  role = aws_iam_role.work.name
  tags = { Stage = "test" }
}

resource "aws_iam_role" "exclusive" {
  name               = "exclusive"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = { Effect = "Allow", Principal = { AWS = aws_iam_role.work.arn }, Action = "sts:AssumeRole" }
  })
}

resource "aws_iam_role_policy_attachment" "exclusive" {
  for_each   = { admin = "arn:aws:iam::aws:policy/AdministratorAccess", read = aws_iam_policy.read.arn }
  role       = aws_iam_role.exclusive.name
  policy_arn = each.value
}

resource "aws_iam_role_policy_attachments_exclusive" "it" {
  role_name   = aws_iam_role.exclusive.name
  policy_arns = [for each in aws_iam_role_policy_attachment.exclusive : each.policy_arn]
}

resource "aws_iam_role_policy" "exclusive" {
  name   = "only"
  role   = aws_iam_role.exclusive.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policies_exclusive" "it" {
  role_name    = aws_iam_role.exclusive.name
  policy_names = [aws_iam_role_policy.exclusive.name]
}

resource "aws_iam_user_policies_exclusive" "ann" {
  user_name    = aws_iam_user.ann.name
  policy_names = [aws_iam_user_policy.ann.name]
}

resource "aws_iam_policy" "shared" {
  name_prefix = "shared-"
  policy      = data.aws_iam_policy_document.read.json
}

resource "aws_iam_policy_attachment" "shared" {
  name       = "shared"
  users      = [aws_iam_user.bob.name]
  groups     = [aws_iam_group.blue.name]
  policy_arn = aws_iam_policy.shared.arn
}

resource "aws_iam_service_linked_role" "scaling" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "test"
  description      = "Scales"
}
"""

DATA = """
data "aws_iam_role" "work" {
  name = aws_iam_role.work.name
}

data "aws_iam_policy" "by_name" {
  name       = "read"
  depends_on = [aws_iam_policy.read]
}

data "aws_iam_policy" "by_arn" {
  arn = aws_iam_policy.read.arn
}

data "aws_iam_policy" "admin" {
  arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}

data "aws_iam_user" "ann" {
  user_name = aws_iam_user.ann.name
}

data "aws_iam_group" "red" {
  group_name = aws_iam_group_membership.red.group
}

data "aws_iam_instance_profile" "work" {
  name = aws_iam_instance_profile.work.name
}

data "aws_iam_roles" "service" {
  path_prefix = "/service/"
  depends_on  = [aws_iam_role.work]
}

data "aws_iam_users" "people" {
  name_regex = "^(ann|bob)"
  depends_on = [aws_iam_user.ann, aws_iam_user.bob]
}

data "aws_iam_instance_profiles" "work" {
  role_name = aws_iam_instance_profile.work.role
}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_iam_user_ssh_key" "none" {
  count             = 0
  encoding          = "SSH"
  ssh_public_key_id = "none"
  username          = "none"
}

data "aws_iam_access_keys" "ann" {
  user       = aws_iam_user.ann.name
  depends_on = [aws_iam_access_key.ann]
}

data "aws_iam_principal_policy_simulation" "bob" {
  action_names      = ["s3:GetObject"]
  policy_source_arn = aws_iam_user.bob.arn
  resource_arns     = ["arn:aws:s3:::data/x"]
  depends_on        = [aws_iam_user_policy_attachment.bob]
}

output "many" {
  value = [
    length(data.aws_iam_roles.service.names), length(data.aws_iam_users.people.names),
    length(data.aws_iam_instance_profiles.work.names), length(data.aws_iam_access_keys.ann.access_keys),
    data.aws_iam_principal_policy_simulation.bob.all_allowed ? 1 : 0,
  ]
}

output "role" {
  value = data.aws_iam_role.work.arn
}

output "role_id" {
  value = [data.aws_iam_role.work.unique_id, aws_iam_role.work.unique_id]
}

output "policies" {
  value = [data.aws_iam_policy.by_name.arn, data.aws_iam_policy.by_arn.description, data.aws_iam_policy.admin.name]
}

output "user" {
  value = [data.aws_iam_user.ann.arn, data.aws_iam_user.ann.permissions_boundary]
}

output "group" {
  value = sort(data.aws_iam_group.red.users[*].user_name)
}

output "profile" {
  value = data.aws_iam_instance_profile.work.role_arn
}

output "linked" {
  value = aws_iam_service_linked_role.scaling.arn
}
"""


# What is written otherwise then, and changed in place. The provider sets a user's tags before it renames the user, by the new name.
RENAMED = ('name                 = "ann"', 'name                 = "anna"')
CHANGES = (
    ('"/people/"', '"/staff/"'),
    ("  permissions_boundary = aws_iam_policy.boundary.arn\n  force", "  force"),
    ('{ Team = "red", Empty = "" }', '{ team = "blue", More = "x" }'),
    ('name = "red"\n  path = "/teams/"', 'name = "crimson"\n  path = "/all-teams/"'),
    ('status = "Inactive"', 'status = "Active"'),
    ('"s3:ListBucket"', '"s3:ListBucketVersions"'),
    ('"What works"', '"What works well"'),
    ("= 7200", "= 10800"),
    ('"x-1"', '"x-2"'),
    ('"Scales"', '"Scales well"'),
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path_factory.mktemp("region") / "data", "--workers", "2")
    yield made
    made.end()


def test_identities(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, IDENTITIES + ROLES + DATA)
    try:
        terraform.apply()
        assert "No changes" in terraform.plan()
        assert terraform.outputs()["many"] == [1, 2, 1, 1, 1]
        here = f"arn:aws:iam::{live.account}:"
        found = terraform.outputs()
        assert found["role"] == f"{here}role/service/work"
        assert found["role_id"][0] == found["role_id"][1]
        assert found["policies"] == [f"{here}policy/data/read", "Reads data", "AdministratorAccess"]
        assert found["user"] == [f"{here}user/people/ann", f"{here}policy/boundary"]
        assert found["group"] == ["ann", "bob"]
        assert found["profile"] == f"{here}role/service/work"
        ids = found["role_id"]
        terraform.change(*CHANGES)
        assert "No changes" in terraform.plan()
        terraform.change(RENAMED)
        assert "No changes" in terraform.plan()
        found = terraform.outputs()
        assert found["role_id"] == ids
        assert found["role"] == f"{here}role/service/work"
        assert found["user"] == [f"{here}user/staff/anna", ""]
        assert found["group"] == ["anna", "bob"]
        linked = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_test"
        assert found["linked"] == f"{here}role/{linked}"
    finally:
        said = terraform.destroy()
    assert "Destroy complete" in said
    iam = live.client("iam")
    assert iam.list_users()["Users"] == []
    assert iam.list_roles()["Roles"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_groups()["Groups"] == []
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
