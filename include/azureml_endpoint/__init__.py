"""The client side of a web service: score it, check its contract, load it.

Works against any service that keeps the wire shape of `docs/architecture.md`, local or on Azure.
"""
