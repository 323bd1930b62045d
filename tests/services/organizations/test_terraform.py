"""Terraform's aws_organizations_* resources and data sources: apply, an empty second plan, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """
resource "aws_organizations_organization" "house" {
  feature_set          = "ALL"
  enabled_policy_types = ["SERVICE_CONTROL_POLICY"]
}

resource "aws_organizations_organizational_unit" "outer" {
  name      = "outer"
  parent_id = aws_organizations_organization.house.roots[0].id
  tags      = { team = "blue" }
}

resource "aws_organizations_organizational_unit" "inner" {
  name      = "inner"
  parent_id = aws_organizations_organizational_unit.outer.id
}

resource "aws_organizations_account" "dev" {
  name      = "dev"
  email     = "dev@example.com"
  parent_id = aws_organizations_organizational_unit.inner.id
  tags      = { team = "blue" }
}

resource "aws_organizations_policy" "guard" {
  name = "guard"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = "s3:DeleteBucket", Resource = "*" }]
  })
  depends_on = [aws_organizations_organization.house]
}

resource "aws_organizations_policy_attachment" "unit" {
  policy_id = aws_organizations_policy.guard.id
  target_id = aws_organizations_organizational_unit.outer.id
}

resource "aws_organizations_policy_attachment" "account" {
  policy_id = aws_organizations_policy.guard.id
  target_id = aws_organizations_account.dev.id
}

data "aws_organizations_organizational_units" "outer" {
  parent_id  = aws_organizations_organizational_unit.outer.id
  depends_on = [aws_organizations_organizational_unit.inner]
}

output "account" {
  value = aws_organizations_account.dev.id
}

output "units" {
  value = [for unit in data.aws_organizations_organizational_units.outer.children : unit.name]
}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed"),
]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path / "data", "--workers", "2")
    yield made
    made.end()


def test_an_organization(live: Live, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    terraform = Terraform(live, work, CONFIGURATION)
    try:
        terraform.apply()
        assert "No changes" in terraform.plan()
        found = terraform.outputs()
        assert len(found["account"]) == 12
        assert found["units"] == ["inner"]
    finally:
        said = terraform.destroy()
    assert "Destroy complete" in said
    with pytest.raises(ClientError, match="AWSOrganizationsNotInUseException"):
        live.client("organizations").describe_organization()
