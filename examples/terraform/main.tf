# A bucket with objects in a running Fogbank region, and who the caller is.
#
#   fogbank up --detach && fogbank configure
#   export AWS_PROFILE=fogbank
#   terraform init && terraform apply

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

# Endpoint, keys and region come from the AWS profile or from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …: there is nothing of Fogbank here.
provider "aws" {
  s3_use_path_style       = true # bucket names in the path: no DNS needed
  skip_metadata_api_check = true # this is no EC2 instance
}

variable "bucket" {
  description = "The bucket's name"
  type        = string
  default     = "fogbank-example"
}

data "aws_caller_identity" "me" {}

resource "aws_s3_bucket" "example" {
  bucket        = var.bucket
  force_destroy = true
}

resource "aws_s3_object" "greeting" {
  bucket       = aws_s3_bucket.example.id
  key          = "hello/greeting.txt"
  content      = "Written by Terraform for account ${data.aws_caller_identity.me.account_id}.\n"
  content_type = "text/plain; charset=utf-8"
}

resource "aws_s3_object" "page" {
  for_each = toset(["one", "two", "three"])

  bucket  = aws_s3_bucket.example.id
  key     = "pages/${each.key}.json"
  content = jsonencode({ page = each.key })
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "arn" {
  value = aws_s3_bucket.example.arn
}

output "etags" {
  value = { for name, object in aws_s3_object.page : name => object.etag }
}
