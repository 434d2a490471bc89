"""What several pages use: the chosen run, forms, questions, jobs, buttons that save something."""
