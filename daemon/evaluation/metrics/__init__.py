"""Pure measures of answers: checks, coherence, captions, consistency, and a run's scores with intervals."""
