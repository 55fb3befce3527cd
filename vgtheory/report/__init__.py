"""For people: tables, LaTeX documents, figures, HTML.  Nothing below imports this."""
