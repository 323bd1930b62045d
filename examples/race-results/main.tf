# The same as deploy.py makes. The zip comes from pack.py:
#
#   python pack.py function.zip
#   export AWS_PROFILE=fogbank
#   terraform init && terraform apply
#
# Against a region of your own: terraform apply -var endpoint=http://s3-website-us-east-1.localhost:4566

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

variable "name" {
  description = "What the parts' names begin with"
  type        = string
  default     = "race"
}

variable "endpoint" {
  description = "Where buckets' websites are, if not on AWS: scheme, host and port, without the bucket"
  type        = string
  default     = ""
}

variable "runtime" {
  type    = string
  default = "python3.11"
}

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}

locals {
  host   = var.endpoint == "" ? "http://s3-website-${data.aws_region.here.name}.amazonaws.com" : var.endpoint
  url    = replace(local.host, "://", "://${var.name}-site.")
  log    = "arn:aws:logs:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:log-group:/aws/lambda/${var.name}-results"
  public = "${aws_s3_bucket.site.arn}/*"
}

resource "aws_s3_bucket" "reads" {
  bucket        = "${var.name}-reads"
  force_destroy = true
}

resource "aws_s3_bucket" "site" {
  bucket        = "${var.name}-site"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "site" {
  bucket                  = aws_s3_bucket.site.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_policy" "site" {
  depends_on = [aws_s3_bucket_public_access_block.site]
  bucket     = aws_s3_bucket.site.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = local.public }]
  })
}

resource "aws_s3_bucket_website_configuration" "site" {
  bucket = aws_s3_bucket.site.id
  index_document {
    suffix = "index.html"
  }
}

resource "aws_iam_role" "results" {
  name = "${var.name}-results"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "results" {
  name = "results"
  role = aws_iam_role.results.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "s3:ListBucket", Resource = [aws_s3_bucket.reads.arn, aws_s3_bucket.site.arn] },
      { Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.reads.arn}/*" },
      { Effect = "Allow", Action = "s3:PutObject", Resource = "${aws_s3_bucket.reads.arn}/report/*" },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = local.public },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [local.log, "${local.log}:*"]
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "results" {
  name              = "/aws/lambda/${var.name}-results"
  retention_in_days = 30
}

resource "aws_lambda_function" "results" {
  depends_on       = [aws_iam_role_policy.results, aws_cloudwatch_log_group.results]
  function_name    = "${var.name}-results"
  role             = aws_iam_role.results.arn
  runtime          = var.runtime
  handler          = "race_results.handler.handle"
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  memory_size      = 1024
  timeout          = 600
  environment {
    variables = {
      SITE_BUCKET = aws_s3_bucket.site.id
      SITE_URL    = local.url
    }
  }
}

resource "aws_lambda_permission" "reads" {
  statement_id   = "reads"
  function_name  = aws_lambda_function.results.function_name
  action         = "lambda:InvokeFunction"
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.reads.arn
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_s3_bucket_notification" "reads" {
  depends_on = [aws_lambda_permission.reads]
  bucket     = aws_s3_bucket.reads.id
  lambda_function {
    lambda_function_arn = aws_lambda_function.results.arn
    events              = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    filter_suffix       = ".csv"
  }
}

output "upload" {
  value = "s3://${aws_s3_bucket.reads.id}/"
}

output "results" {
  value = "${local.url}/"
}
