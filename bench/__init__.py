"""The same federated job several ways, each in fresh processes: `make bench`."""
