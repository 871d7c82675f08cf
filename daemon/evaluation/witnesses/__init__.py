"""Independent programs that look at the same pictures. They are weak: their opinions are shown, and decide nothing."""
