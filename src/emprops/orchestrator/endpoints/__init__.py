"""HTTP routes that start jobs and change them."""
