"""Measurements against stock Spleeter; `make bench` and `make parity` run them."""
