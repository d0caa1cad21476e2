"""The shared state: one set of questions (`Store`) over two databases."""
