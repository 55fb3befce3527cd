"""Which network?  Weight laws and layer stacks as frozen descriptions; nothing is computed here."""
