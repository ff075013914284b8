"""Whether what is asked for, and what was made, may be: by the operator's service, by a plugin, or by a person."""
