"""Access tokens: read within limits, verified, their claims turned into an `Identity`."""
