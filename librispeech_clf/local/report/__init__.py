"""Terminal tables and interactive page, made from a finished evaluation."""
