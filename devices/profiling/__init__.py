"""What a frame costs here or on a board, in time and memory."""
