"""Terraform's aws_lambda_* resources and data sources: applied, an empty second plan, changed in place, removed."""

from __future__ import annotations

import json
import zipfile
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

CODE = 'import os\n\ndef handle(event, context):\n    return {"said": os.environ.get("SAY", "nothing"), "got": event}\n'

ROLE = """
resource "aws_iam_role" "it" {
  name = "tf-functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "it" {
  role = aws_iam_role.it.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["logs:*", "lambda:InvokeFunction"], Resource = "*" }]
  })
}
"""

FUNCTIONS = """
resource "aws_lambda_function" "inline" {
  function_name    = "tf-inline"
  description      = "from a zip here"
  role             = aws_iam_role.it.arn
  runtime          = "python3.11"
  handler          = "code.handle"
  filename         = "code.zip"
  source_code_hash = filebase64sha256("code.zip")
  memory_size      = 256
  timeout          = 10
  publish          = true
  layers           = [aws_lambda_layer_version.it.arn]
  tags             = { Team = "red" }
  environment {
    variables = { SAY = "hello" }
  }
  ephemeral_storage {
    size = 1024
  }
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_s3_bucket" "code" {
  bucket        = "tf-code"
  force_destroy = true
}

resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.code.id
  key    = "code.zip"
  source = "code.zip"
}

resource "aws_lambda_function" "stored" {
  function_name = "tf-stored"
  role          = aws_iam_role.it.arn
  runtime       = "python3.11"
  handler       = "code.handle"
  s3_bucket     = aws_s3_object.code.bucket
  s3_key        = aws_s3_object.code.key
  architectures = ["x86_64"]
  tracing_config {
    mode = "PassThrough"
  }
}

resource "aws_lambda_alias" "it" {
  name             = "live"
  description      = "what people use"
  function_name    = aws_lambda_function.inline.function_name
  function_version = aws_lambda_function.inline.version
}

resource "aws_lambda_layer_version" "it" {
  layer_name          = "tf-layer"
  filename            = "layer.zip"
  description         = "a library"
  license_info        = "MIT"
  compatible_runtimes = ["python3.11"]
}

resource "aws_lambda_layer_version_permission" "it" {
  layer_name     = aws_lambda_layer_version.it.layer_name
  version_number = aws_lambda_layer_version.it.version
  statement_id   = "everybody"
  action         = "lambda:GetLayerVersion"
  principal      = "*"
}

data "aws_lambda_function" "it" {
  function_name = aws_lambda_function.inline.function_name
}

data "aws_lambda_functions" "all" {
  depends_on = [aws_lambda_function.inline, aws_lambda_function.stored]
}

data "aws_lambda_alias" "it" {
  function_name = aws_lambda_function.inline.function_name
  name          = aws_lambda_alias.it.name
}

data "aws_lambda_layer_version" "it" {
  layer_name = aws_lambda_layer_version.it.layer_name
}

output "timeout" { value = data.aws_lambda_function.it.timeout }
output "names" { value = sort(data.aws_lambda_functions.all.function_names) }
output "alias" { value = data.aws_lambda_alias.it.function_version }
output "layer" { value = data.aws_lambda_layer_version.it.version }
"""

SETTINGS = """
resource "aws_lambda_function" "it" {
  function_name                  = "tf-settings"
  role                           = aws_iam_role.it.arn
  runtime                        = "python3.11"
  handler                        = "code.handle"
  filename                       = "code.zip"
  publish                        = true
  reserved_concurrent_executions = 5
  code_signing_config_arn        = aws_lambda_code_signing_config.it.arn
}

resource "aws_lambda_function" "target" {
  function_name = "tf-target"
  role          = aws_iam_role.it.arn
  runtime       = "python3.11"
  handler       = "code.handle"
  filename      = "code.zip"
  depends_on    = [aws_iam_role_policy.it]
}

resource "aws_lambda_permission" "it" {
  statement_id   = "s3"
  function_name  = aws_lambda_function.it.function_name
  action         = "lambda:InvokeFunction"
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:aws:s3:::somewhere"
  source_account = "123456789012"
}

resource "aws_lambda_function_url" "it" {
  function_name      = aws_lambda_function.it.function_name
  authorization_type = "NONE"
  cors {
    allow_origins = ["https://example.com"]
    allow_methods = ["GET"]
    allow_headers = ["content-type"]
    max_age       = 60
  }
}

resource "aws_lambda_function_event_invoke_config" "it" {
  depends_on                   = [aws_iam_role_policy.it]
  function_name                = aws_lambda_function.it.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
  destination_config {
    on_failure {
      destination = aws_lambda_function.target.arn
    }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "it" {
  function_name                     = aws_lambda_function.it.function_name
  qualifier                         = aws_lambda_function.it.version
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_code_signing_config" "it" {
  description = "who signs"
  allowed_publishers {
    signing_profile_version_arns = ["arn:aws:signer:us-east-1:123456789012:/signing-profiles/tf/abcdefghij"]
  }
  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
}

resource "aws_lambda_runtime_management_config" "it" {
  function_name     = aws_lambda_function.it.function_name
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_function_recursion_config" "it" {
  function_name  = aws_lambda_function.it.function_name
  recursive_loop = "Allow"
}

data "aws_lambda_function_url" "it" {
  function_name = aws_lambda_function_url.it.function_name
}

data "aws_lambda_code_signing_config" "it" {
  arn = aws_lambda_code_signing_config.it.arn
}

output "url" { value = data.aws_lambda_function_url.it.function_url }
"""

INVOCATION = """
resource "aws_lambda_function" "it" {
  depends_on    = [aws_iam_role_policy.it]
  function_name = "tf-invoked"
  role          = aws_iam_role.it.arn
  runtime       = "python3.11"
  handler       = "code.handle"
  filename      = "code.zip"
  environment {
    variables = { SAY = "hello" }
  }
}

resource "aws_lambda_invocation" "it" {
  function_name = aws_lambda_function.it.function_name
  input         = jsonencode({ n = 1 })
}

data "aws_lambda_invocation" "it" {
  function_name = aws_lambda_function.it.function_name
  input         = jsonencode({ n = 2 })
}

output "once" { value = aws_lambda_invocation.it.result }
output "again" { value = data.aws_lambda_invocation.it.result }
"""


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of the test's own."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


def pack(path: Path, **files: str) -> None:
    """A zip of Python modules."""
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"{name.replace('__', '/')}.py", (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            made.writestr(entry, text)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with the functions' code."""
    pack(tmp_path / "code.zip", code=CODE)
    pack(tmp_path / "layer.zip", python__library="WORD = 1\n")
    return tmp_path


def test_functions_aliases_and_layers(live: Live, work: Path) -> None:
    functions = live.client("lambda")
    terraform = Terraform(live, work, ROLE + FUNCTIONS)
    terraform.apply()
    terraform.plan()
    told = terraform.outputs()
    assert (told["timeout"], told["alias"], told["layer"]) == (10, "1", 1)
    assert told["names"] == ["tf-inline", "tf-stored"]
    pack(work / "code.zip", code=CODE.replace("nothing", "silence"))
    terraform.change(
        ('SAY = "hello"', 'SAY = "hi"'),
        ("memory_size      = 256", "memory_size      = 512"),
        ('Team = "red"', 'Team = "blue"'),
        ('"what people use"', '"what all use"'),
        ('"a library"', '"the library"'),
        ('handler       = "code.handle"\n  s3_bucket', 'handler       = "code.handle"\n  timeout = 7\n  s3_bucket'),
    )
    terraform.plan()
    found = functions.get_function(FunctionName="tf-inline")
    assert (found["Configuration"]["MemorySize"], found["Tags"]) == (512, {"Team": "blue"})
    assert found["Configuration"]["Environment"] == {"Variables": {"SAY": "hi"}}
    assert found["Configuration"]["Layers"][0]["Arn"].endswith(":layer:tf-layer:2")
    alias = functions.get_alias(FunctionName="tf-inline", Name="live")
    assert (alias["FunctionVersion"], alias["Description"]) == ("2", "what all use")
    assert functions.get_function_configuration(FunctionName="tf-stored")["Timeout"] == 7
    terraform.destroy()
    assert functions.list_functions()["Functions"] == []
    assert functions.list_layers()["Layers"] == []


def test_what_functions_are_set_to(live: Live, work: Path) -> None:
    functions = live.client("lambda")
    terraform = Terraform(live, work, ROLE + SETTINGS)
    terraform.apply()
    terraform.plan()
    assert ".lambda-url.us-east-1." in terraform.outputs()["url"]
    terraform.change(
        ("reserved_concurrent_executions = 5", "reserved_concurrent_executions = 3"),
        ("max_age       = 60", "max_age       = 90"),
        ("maximum_retry_attempts       = 0", "maximum_retry_attempts       = 1"),
        ("provisioned_concurrent_executions = 1", "provisioned_concurrent_executions = 2"),
        ('"who signs"', '"who may sign"'),
        ('recursive_loop = "Allow"', 'recursive_loop = "Terminate"'),
        ('update_runtime_on = "FunctionUpdate"', 'update_runtime_on = "Auto"'),
        ("arn:aws:s3:::somewhere", "arn:aws:s3:::elsewhere"),
    )
    terraform.plan()
    name = {"FunctionName": "tf-settings"}
    assert functions.get_function_concurrency(**name)["ReservedConcurrentExecutions"] == 3
    assert functions.get_function_url_config(**name)["Cors"]["MaxAge"] == 90
    assert functions.get_function_event_invoke_config(**name)["MaximumRetryAttempts"] == 1
    assert functions.get_function_recursion_config(**name)["RecursiveLoop"] == "Terminate"
    assert "arn:aws:s3:::elsewhere" in functions.get_policy(**name)["Policy"]
    terraform.destroy()
    assert functions.list_functions()["Functions"] == []


def test_an_invocation(live: Live, work: Path) -> None:
    terraform = Terraform(live, work, ROLE + INVOCATION)
    terraform.apply()
    terraform.plan()
    told = terraform.outputs()
    assert json.loads(told["once"]) == {"said": "hello", "got": {"n": 1}}
    assert json.loads(told["again"]) == {"said": "hello", "got": {"n": 2}}
    terraform.change(("{ n = 1 }", "{ n = 3 }"))
    terraform.plan()
    assert json.loads(terraform.outputs()["once"])["got"] == {"n": 3}
    terraform.destroy()
