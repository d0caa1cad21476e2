"""What is right and what is wrong about a deployment."""
