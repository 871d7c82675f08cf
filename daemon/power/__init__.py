"""Limits the load on the machine: power, heat, disk priority, sleep."""
