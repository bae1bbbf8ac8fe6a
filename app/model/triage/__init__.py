"""Triage: from facts to findings. Rules say what they see, hysteresis when it counts, correlation what causes what.

Nothing is imported here: a deck needs a word or two of it, and would wait for all rules.
"""
