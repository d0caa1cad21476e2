"""What a person sees of an experiment on a terminal."""
