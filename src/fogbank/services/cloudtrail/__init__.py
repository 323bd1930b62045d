"""AWS CloudTrail: looking events up."""
