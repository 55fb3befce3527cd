"""Reports in other languages than English: phrase books, and how finished text is looked up in them."""

from vgtheory.reporting.language.translate import LANGUAGES, Translator, translated, translator

__all__ = ["LANGUAGES", "Translator", "translated", "translator"]
