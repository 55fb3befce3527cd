"""What stored weights say: files and mappings of names to arrays."""
