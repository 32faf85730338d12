"""Interactive page and README images, made from a finished evaluation."""
