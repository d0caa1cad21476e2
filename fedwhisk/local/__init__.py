"""The platform of this machine: its folder, database and OpenWhisk host."""
