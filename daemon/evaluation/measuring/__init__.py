"""The measurements that a suite may name: environment, loading, stress, performance, downloads."""
