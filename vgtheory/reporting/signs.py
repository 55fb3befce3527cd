"""Letters and signs of mathematics: the LaTeX command of each and its Unicode character, for every renderer."""

from __future__ import annotations

LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "varsigma": "ς", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "partial": "∂", "infty": "∞",
}  # fmt: skip
# Where several commands make one character the first is the one to write.
OPERATORS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "sim": "∼", "approx": "≈", "to": "→",
    "rightarrow": "→", "leftarrow": "←", "in": "∈", "notin": "∉", "cdot": "·", "times": "×", "pm": "±", "mid": "∣",
    "cup": "∪", "cap": "∩", "setminus": "∖", "dots": "…", "ldots": "…", "cdots": "⋯", "wedge": "∧", "land": "∧",
    "vee": "∨", "lor": "∨", "colon": ":", "lVert": "‖", "rVert": "‖", "Vert": "‖", "lvert": "|",
    "rvert": "|", "vert": "|", "langle": "⟨", "rangle": "⟩", "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊",
    "rfloor": "⌋", "circ": "∘", "odot": "⊙", "Rightarrow": "⇒", "implies": "⇒", "iff": "⇔", "propto": "∝", "gg": "≫",
    "ll": "≪", "equiv": "≡", "dagger": "†", "ast": "∗", "star": "⋆", "nabla": "∇", "lbrace": "{", "rbrace": "}",
    "prime": "′", "forall": "∀", "exists": "∃", "emptyset": "∅", "otimes": "⊗", "oplus": "⊕", "mp": "∓", "div": "÷",
    "colonequals": "≔", "lessgtr": "≶", "top": "⊤", "perp": "⊥", "subset": "⊂", "subseteq": "⊆", "square": "∎",
}  # fmt: skip
_OTHERS = {
    "−": "-", "′": "'", "″": "''", "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "𝔼": r"\mathbb{E}",
    "√": r"\surd", "∏": r"\prod", "∑": r"\sum", "∫": r"\int", "½": r"\tfrac12", "¼": r"\tfrac14", "¾": r"\tfrac34",
    "°": r"{}^\circ", "⟺": r"\iff", "{": r"\{", "}": r"\}", "|": "|", "‖": r"\|", ":": ":", "ο": "o",
}  # fmt: skip
LATEX_OF = {sign: f"\\{command}" for command, sign in reversed((LETTERS | OPERATORS).items())} | _OTHERS
_CAPITALS = zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)  # that look like Latin ones
LATEX_OF |= dict(_CAPITALS)
