"""What addresses functions and layers in generated tests: it is valid, whether it is there or not."""

from __future__ import annotations

from typing import Any

from services.lambda_.packages import hello
from support.region import ACCOUNT

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
LAYER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:l"
SIGNING = f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-abcdefghijklmnopq"
PROFILE = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/mine/abcdef1234"
MAPPING = "0badcafe-0000-4000-8000-000000000001"
ALIAS = {"Name": "live"}
VERSION = {"LayerName": "l", "VersionNumber": 1}
STATEMENT = {"StatementId": "s"}

THERE: dict[str, Any] = {"FunctionName": "f", "LayerName": "l", "VersionNumber": 1, "CodeSigningConfigArn": SIGNING}
MORE: dict[str, dict[str, Any]] = {
    "lambda:AddLayerVersionPermission": {**STATEMENT, "Action": "lambda:GetLayerVersion", "Principal": "*"},
    "lambda:AddPermission": {**STATEMENT, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
    "lambda:CreateAlias": {**ALIAS, "FunctionVersion": "1"},
    "lambda:CreateCodeSigningConfig": {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}},
    "lambda:CreateFunction": {
        "Code": {"ZipFile": hello()},
        "Role": f"arn:aws:iam::{ACCOUNT}:role/trusting",
        "Runtime": "python3.11",
        "Handler": "app.handler",
    },
    "lambda:CreateFunctionUrlConfig": {"AuthType": "AWS_IAM"},
    "lambda:DeleteAlias": ALIAS,
    "lambda:DeleteEventSourceMapping": {"UUID": MAPPING},
    "lambda:DeleteProvisionedConcurrencyConfig": {"Qualifier": "live"},
    "lambda:GetAlias": ALIAS,
    "lambda:GetEventSourceMapping": {"UUID": MAPPING},
    "lambda:GetLayerVersionByArn": {"Arn": f"{LAYER}:1"},
    "lambda:GetProvisionedConcurrencyConfig": {"Qualifier": "live"},
    "lambda:InvokeAsync": {"InvokeArgs": b"{}"},
    "lambda:ListTags": {"Resource": FUNCTION},
    "lambda:PublishLayerVersion": {"Content": {"ZipFile": hello()}},
    "lambda:PutProvisionedConcurrencyConfig": {"Qualifier": "live", "ProvisionedConcurrentExecutions": 1},
    "lambda:RemoveLayerVersionPermission": STATEMENT,
    "lambda:RemovePermission": STATEMENT,
    "lambda:TagResource": {"Resource": FUNCTION, "Tags": {"a": "b"}},
    "lambda:UntagResource": {"Resource": FUNCTION, "TagKeys": ["a"]},
    "lambda:UpdateAlias": ALIAS,
    "lambda:UpdateEventSourceMapping": {"UUID": MAPPING},
    "lambda:UpdateFunctionCode": {"ZipFile": hello()},
}
