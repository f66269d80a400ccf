"""API Gateway's HTTP API on this machine, and what listens at the public port."""
