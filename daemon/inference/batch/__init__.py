"""In-flight batching: what is read and written next, in pure Python over a small runner protocol; no torch, no mlx."""
