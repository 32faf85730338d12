"""The README's figures, tables and pictures, made from a finished evaluation."""
