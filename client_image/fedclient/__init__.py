"""A federated-learning client: the only place that imports torch."""
