"""The deck: a Textual app over a Feed."""
