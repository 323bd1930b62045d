"""AWS Identity and Access Management: who callers are."""
