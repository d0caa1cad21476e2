"""A federated-learning client: the only place that imports torch.

The modules that talk (`api`, `loop`, `environment`, `health`) do without torch, so
the command line, the probes and the simulator start at once.
"""
