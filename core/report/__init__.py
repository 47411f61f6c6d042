"""The report card: one article about one character, made of what was measured. Pure."""
