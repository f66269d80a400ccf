"""Webhooks: the end of a job, signed and sent to its callback URL."""
