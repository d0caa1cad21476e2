"""Deploying the actions: a module for each platform, and what they share."""
