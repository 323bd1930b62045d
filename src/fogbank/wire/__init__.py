"""AWS's wire protocols, compiled from botocore's service models. Knows no service."""

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest, HttpResponse
from fogbank.wire.service import Codec, Model, Operation, load

__all__ = ["AwsError", "Codec", "HttpRequest", "HttpResponse", "Model", "Operation", "load"]
