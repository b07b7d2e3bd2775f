"""What is true and what to do about it: pure values and functions; `now` is an argument."""
