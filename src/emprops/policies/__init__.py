"""What operators allow of job types: who builds on them, at what price at least, with which models, how large."""
