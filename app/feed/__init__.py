"""The wire between worker and deck: what may be asked, how it travels, who answers."""
