"""What a frame will cost on a board that is not at hand."""
