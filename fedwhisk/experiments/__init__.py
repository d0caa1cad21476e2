"""Experiments: started, watched, run to their end, written to files."""
