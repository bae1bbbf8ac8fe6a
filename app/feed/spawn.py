"""Finds the running worker, else starts one that ends with the deck."""
