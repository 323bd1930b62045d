"""Amazon S3 Control: what S3 keeps for a whole account."""
