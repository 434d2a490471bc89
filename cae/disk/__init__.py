"""Where files go, how they are read and written, and locks between processes. Knows no run."""
