"""What is predicted of networks of blocks: mean field of stacks, of recurrent cells, and their critical scales."""
