"""In-flight batching in pure Python over a small runner protocol: what to prefill and decode next. No torch, no mlx."""
