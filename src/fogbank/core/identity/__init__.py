"""Who callers are and what they may do: the records that IAM, STS and the gateway share."""
