"""One module an action: its declaration and its handler."""
