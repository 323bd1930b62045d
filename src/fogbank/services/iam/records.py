"""What IAM keeps."""

from fogbank.core.identity.records import AccessKey, User, access_keys, arn_of, delete_key, keys_of, put_key, users, when

__all__ = ["AccessKey", "User", "access_keys", "delete_key", "keys_of", "put_key", "user_arn", "users", "when"]

user_arn = arn_of
