"""Terraform's aws_iam_* resources and data sources of accounts and credentials: applied, as described, and removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live
from services.iam.made import certificate, key_pem, new_key, pem
from services.iam.test_providers_saml import metadata
from services.iam.test_ssh_keys import ssh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed"),
]

ACCOUNT = """
resource "aws_iam_account_alias" "it" {
  account_alias = "my-corp"
}

data "aws_iam_account_alias" "it" {
  depends_on = [aws_iam_account_alias.it]
}

resource "aws_iam_account_password_policy" "it" {
  minimum_password_length        = 12
  require_lowercase_characters   = true
  require_numbers                = true
  require_uppercase_characters   = true
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 3
}

resource "aws_iam_virtual_mfa_device" "it" {
  virtual_mfa_device_name = "phone"
  path                    = "/people/"
  tags                    = { Team = "red" }
}

resource "aws_iam_openid_connect_provider" "it" {
  url             = "https://token.example.com/a"
  client_id_list  = ["app", "web"]
  thumbprint_list = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
  tags            = { Team = "red" }
}

data "aws_iam_openid_connect_provider" "it" {
  arn = aws_iam_openid_connect_provider.it.arn
}

data "aws_iam_openid_connect_provider" "by_url" {
  url        = "https://token.example.com/a"
  depends_on = [aws_iam_openid_connect_provider.it]
}

resource "aws_iam_saml_provider" "it" {
  name                   = "corp"
  saml_metadata_document = file("metadata.xml")
  tags                   = { Team = "red" }
}

data "aws_iam_saml_provider" "it" {
  arn = aws_iam_saml_provider.it.arn
}

resource "aws_iam_server_certificate" "it" {
  name             = "www"
  path             = "/cloudfront/"
  certificate_body = file("leaf.pem")
  certificate_chain = file("ca.pem")
  private_key      = file("key.pem")
  tags             = { Team = "red" }
}

data "aws_iam_server_certificate" "it" {
  name   = aws_iam_server_certificate.it.name
  latest = true
}
"""

USER = """
resource "aws_iam_user" "ann" {
  name = "ann"
}

resource "aws_iam_user_login_profile" "ann" {
  user                    = aws_iam_user.ann.name
  password_length         = 24
  password_reset_required = true
  depends_on              = [aws_iam_account_password_policy.it]
}

resource "aws_iam_signing_certificate" "ann" {
  user_name        = aws_iam_user.ann.name
  certificate_body = file("ca.pem")
}

resource "aws_iam_user_ssh_key" "ann" {
  username   = aws_iam_user.ann.name
  encoding   = "SSH"
  public_key = trimspace(file("ssh.pub"))
}

data "aws_iam_user_ssh_key" "ann" {
  username          = aws_iam_user.ann.name
  ssh_public_key_id = aws_iam_user_ssh_key.ann.ssh_public_key_id
  encoding          = "SSH"
}

resource "aws_iam_service_specific_credential" "ann" {
  user_name    = aws_iam_user.ann.name
  service_name = "codecommit.amazonaws.com"
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::data/$${aws:username}/*"]
  }
}

resource "aws_iam_user_policy" "ann" {
  name   = "read"
  user   = aws_iam_user.ann.name
  policy = data.aws_iam_policy_document.read.json
}

data "aws_iam_principal_policy_simulation" "mine" {
  action_names      = ["s3:GetObject"]
  policy_source_arn = aws_iam_user.ann.arn
  resource_arns     = ["arn:aws:s3:::data/ann/k"]
  depends_on        = [aws_iam_user_policy.ann]
}

data "aws_iam_principal_policy_simulation" "others" {
  action_names      = ["s3:GetObject", "s3:PutObject"]
  policy_source_arn = aws_iam_user.ann.arn
  resource_arns     = ["arn:aws:s3:::data/bob/k"]
  context {
    key    = "aws:SourceIp"
    type   = "ip"
    values = ["192.0.2.1"]
  }
  depends_on        = [aws_iam_user_policy.ann]
}

output "alias" {
  value = data.aws_iam_account_alias.it.account_alias
}

output "providers" {
  value = [data.aws_iam_openid_connect_provider.by_url.arn, data.aws_iam_saml_provider.it.name]
}

output "clients" {
  value = sort(data.aws_iam_openid_connect_provider.it.client_id_list)
}

output "certificate" {
  value = [data.aws_iam_server_certificate.it.arn, data.aws_iam_server_certificate.it.path]
}

output "credential" {
  value = aws_iam_service_specific_credential.ann.service_user_name
}

output "ssh" {
  value = data.aws_iam_user_ssh_key.ann.status
}

output "simulated" {
  value = [data.aws_iam_principal_policy_simulation.mine.all_allowed, data.aws_iam_principal_policy_simulation.others.all_allowed]
}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path_factory.mktemp("region") / "data", "--workers", "2")
    yield made
    made.end()


def write_files(work: Path) -> None:
    key, ca = new_key(), new_key()
    (work / "metadata.xml").write_text(metadata())
    (work / "leaf.pem").write_text(pem(certificate(key, "leaf", (ca, "ca"))))
    (work / "ca.pem").write_text(pem(certificate(ca, "ca")))
    (work / "key.pem").write_text(key_pem(key))
    (work / "ssh.pub").write_text(f"{ssh()} ann@example.com\n")


def test_the_account_and_credentials(live: Live, tmp_path: Path) -> None:
    write_files(tmp_path)
    terraform = Terraform(live, tmp_path, ACCOUNT + USER)
    iam = live.client("iam")
    try:
        terraform.apply()
        assert "No changes" in terraform.plan()
        here = f"arn:aws:iam::{live.account}:"
        found = terraform.outputs()
        assert found["alias"] == "my-corp"
        assert found["providers"] == [f"{here}oidc-provider/token.example.com/a", "corp"]
        assert found["clients"] == ["app", "web"]
        assert found["certificate"] == [f"{here}server-certificate/cloudfront/www", "/cloudfront/"]
        assert found["credential"] == f"ann-at-{live.account}"
        assert found["ssh"] == "Active"
        assert found["simulated"] == [True, False]
        assert iam.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is True
        state = json.loads(terraform.run("show", "-json"))
        assert state["values"]["root_module"]["resources"]
    finally:
        said = terraform.destroy()
    assert "Destroy complete" in said
    counts = iam.get_account_summary()["SummaryMap"]
    assert (counts["Users"], counts["Providers"], counts["ServerCertificates"], counts["MFADevices"]) == (0, 0, 0, 0)
    assert iam.list_account_aliases()["AccountAliases"] == []
