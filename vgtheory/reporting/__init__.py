"""For people: comparison, tables, LaTeX documents, figures, HTML.  Nothing below imports this."""
