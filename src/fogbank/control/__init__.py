"""The loop that makes what runs match what is stored."""
