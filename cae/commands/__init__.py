"""The commands of `python -m cae`, by what they are for: the only part of the library that prints."""
