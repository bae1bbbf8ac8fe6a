"""One declarative View per resource: its columns, its rows, and where Enter goes."""
