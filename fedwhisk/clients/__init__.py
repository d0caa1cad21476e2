"""Clients: on this machine, forked from one process, or on Kubernetes."""
