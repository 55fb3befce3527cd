"""From a formula to machine code, in stages: Activation → stable form → source → compiled row pass."""
