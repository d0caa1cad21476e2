"""The command line and the embedded platform for one machine."""
