"""Pictures come in and are compared: data sets, photographs, ink, measures, baselines. Knows no network."""
