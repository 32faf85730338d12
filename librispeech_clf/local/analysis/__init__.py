"""What results tell: tables in, tables out."""
