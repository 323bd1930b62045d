#!/usr/bin/env python3
"""Deploy the example: two buckets, a website, a role, the function, and S3's notification to it. Again: what changed.

    export AWS_PROFILE=fogbank
    python deploy.py --name race
    python deploy.py --name race --delete

It is boto3 alone, and nothing in it is of Fogbank: endpoint, keys and region come from the profile or the environment.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from pack import packed

RUNTIME, MEMORY, TIMEOUT = "python3.11", 1024, 600
HANDLER = "race_results.handler.handle"


class Deployment:
    """The parts of one race, by its name: `NAME-reads` and `NAME-site`, the role and the function `NAME-results`."""

    def __init__(self, name: str, session: Any, url: str = "") -> None:
        config = Config(s3={"addressing_style": "path"})
        self.s3, self.iam, self.functions = (session.client(each, config=config) for each in ("s3", "iam", "lambda"))
        self.region = session.region_name or "us-east-1"
        self.account = session.client("sts").get_caller_identity()["Account"]
        self.reads, self.site, self.function = f"{name}-reads", f"{name}-site", f"{name}-results"
        self.url = url or self.website()

    def website(self) -> str:
        """The address of the site. In a region of one's own it is below localhost, on AWS below amazonaws.com."""
        endpoint = urlsplit(self.s3.meta.endpoint_url)
        if (endpoint.hostname or "").endswith(".amazonaws.com"):
            return f"http://{self.site}.s3-website-{self.region}.amazonaws.com"
        return f"{endpoint.scheme}://{self.site}.s3-website-{self.region}.localhost:{endpoint.port or 80}"

    def deploy(self) -> None:
        """Make everything, or put it right."""
        for bucket in (self.reads, self.site):
            with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
                self.s3.create_bucket(Bucket=bucket, **self.placed())
        self.publish()
        role = self.role()
        arn = self.code(role)
        self.notify(arn)

    def placed(self) -> dict[str, Any]:
        """Where buckets are made: us-east-1 must not be named."""
        return {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}

    def publish(self) -> None:
        """Everybody may read the site, and nobody may list it; the bucket of reads stays closed."""
        self.s3.delete_public_access_block(Bucket=self.site)
        allow = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{self.site}/*",
        }
        self.s3.put_bucket_policy(Bucket=self.site, Policy=document(allow))
        self.s3.put_bucket_website(Bucket=self.site, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})

    def role(self) -> str:
        """The function's role: it reads the one bucket, writes the other, and writes its log."""
        trust = document(
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        )
        with suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_role(RoleName=self.function, AssumeRolePolicyDocument=trust)
        reads, site = f"arn:aws:s3:::{self.reads}", f"arn:aws:s3:::{self.site}"
        logs = f"arn:aws:logs:{self.region}:{self.account}:log-group:/aws/lambda/{self.function}"
        policy = document(
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": [reads, site]},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{reads}/*"},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{reads}/report/*"},
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": f"{site}/*"},
            {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
             "Resource": [logs, f"{logs}:*"]},
        )  # fmt: skip
        self.iam.put_role_policy(RoleName=self.function, PolicyName="results", PolicyDocument=policy)
        return str(self.iam.get_role(RoleName=self.function)["Role"]["Arn"])

    def code(self, role: str) -> str:
        """The function, with today's code."""
        zipped = packed()
        settings = {
            "Runtime": RUNTIME, "Handler": HANDLER, "Role": role, "MemorySize": MEMORY, "Timeout": TIMEOUT,
            "Environment": {"Variables": {"SITE_BUCKET": self.site, "SITE_URL": self.url}},
        }  # fmt: skip
        name = {"FunctionName": self.function}
        try:
            self.functions.get_function_configuration(**name)
        except self.functions.exceptions.ResourceNotFoundException:
            patiently(self.functions.exceptions.InvalidParameterValueException,
                      lambda: self.functions.create_function(**name, **settings, Code={"ZipFile": zipped}))  # fmt: skip
        else:
            self.functions.update_function_code(**name, ZipFile=zipped)
            self.functions.get_waiter("function_updated_v2").wait(**name)
            self.functions.update_function_configuration(**name, **settings)
            self.functions.get_waiter("function_updated_v2").wait(**name)
        self.functions.get_waiter("function_active_v2").wait(**name)
        return str(self.functions.get_function_configuration(**name)["FunctionArn"])

    def notify(self, arn: str) -> None:
        """S3 may call the function, and does whenever a CSV file arrives or goes."""
        with suppress(self.functions.exceptions.ResourceConflictException):
            self.functions.add_permission(
                FunctionName=self.function, StatementId="reads", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                SourceArn=f"arn:aws:s3:::{self.reads}", SourceAccount=self.account,
            )  # fmt: skip
        told = {
            "LambdaFunctionArn": arn,
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".csv"}]}},
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=self.reads, NotificationConfiguration={"LambdaFunctionConfigurations": [told]}
        )

    def delete(self) -> None:
        """Remove everything, with all files and pages."""
        with suppress(self.functions.exceptions.ResourceNotFoundException):
            self.functions.delete_function(FunctionName=self.function)
        for bucket in (self.reads, self.site):
            with suppress(self.s3.exceptions.NoSuchBucket):
                for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                    if keys:
                        self.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                self.s3.delete_bucket(Bucket=bucket)
        with suppress(self.iam.exceptions.NoSuchEntityException):
            self.iam.delete_role_policy(RoleName=self.function, PolicyName="results")
        with suppress(self.iam.exceptions.NoSuchEntityException):
            self.iam.delete_role(RoleName=self.function)


def document(*statements: dict[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def patiently(refusal: type[Exception], work: Any, seconds: float = 60) -> None:
    """Try until it is not refused: on AWS a new role is known everywhere only after some seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            work()
        except refusal as error:
            if "role" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(2)
        else:
            return


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Deploy the race's function, buckets and website.")
    parser.add_argument("--name", default="race", help="what the parts' names begin with")
    parser.add_argument("--url", default="", help="the site's address, if people see it under another one")
    parser.add_argument("--delete", action="store_true", help="remove everything")
    asked = parser.parse_args()
    made = Deployment(asked.name, boto3.Session(), asked.url)
    if asked.delete:
        made.delete()
        print(f"Removed {made.reads}, {made.site} and {made.function}.")
        return
    made.deploy()
    print(f"Upload files to  s3://{made.reads}/\nThe results are at  {made.url}/")


if __name__ == "__main__":
    main()
