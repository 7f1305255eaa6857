"""The Structs of SSH: settings, keys and certificates, and what a grant opens at an SSH target."""
