"""What bench/run is made of: one module a kind of bench, and what they share."""
