"""Durable state and bytes: transactions over ordered keys (`api`, `sqlite`), tables of records, an outbox, and blobs."""
