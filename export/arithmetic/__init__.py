"""What each form that rounds computes, in numpy, and how near a file must come to it."""
