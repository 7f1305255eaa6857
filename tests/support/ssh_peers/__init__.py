"""SSH programs and libraries that others wrote, as clients of the gateway and as its targets."""
