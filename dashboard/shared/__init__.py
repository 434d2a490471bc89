"""What several pages use: the chosen run, tables, questions, buttons that take something home."""
