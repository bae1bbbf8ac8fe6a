"""The pages of the deck: what is shown between the status bar and the footer."""
