"""Which sources a deployed action was built from; `actions/build.py` fills it in."""

BUILD = "unbuilt"
