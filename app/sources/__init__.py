"""Where facts come from. Each source turns one outside thing into model objects and a SourceState."""
