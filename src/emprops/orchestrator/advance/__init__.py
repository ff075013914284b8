"""What workers report moves a job forward."""
