"""A policy's life on a cell: kept in a store, watched in the shadow, tried as a canary, promoted, rolled back."""
