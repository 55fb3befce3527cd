"""The bibliography as data: one row per work, BibTeX per key."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A published work."""

    key: str
    authors: str
    title: str
    venue: str
    year: int
    arxiv: str = ""
    entry: str = "article"

    @property
    def short(self) -> str:
        """Return "Author & Author (year)", three or more authors as "Author et al. (year)"."""
        names = [a.split(",")[0].strip() for a in self.authors.split(" and ")]
        who = names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."
        return f"{who} ({self.year})"

    @property
    def bibtex(self) -> str:
        """Return the BibTeX entry."""
        field = "booktitle" if self.entry == "inproceedings" else "publisher" if self.entry == "book" else "journal"
        lines = [
            f"author = {{{self.authors}}}",
            f"title = {{{{{self.title}}}}}",
            f"{field} = {{{self.venue}}}",
            f"year = {{{self.year}}}",
        ]
        if self.arxiv:
            lines += [f"eprint = {{{self.arxiv}}}", "archiveprefix = {arXiv}"]
        return f"@{self.entry}{{{self.key},\n  " + ",\n  ".join(lines) + "\n}"


_ROWS = (
    Reference(
        "boucheron2013",
        "Boucheron, S. and Lugosi, G. and Massart, P.",
        "Concentration inequalities: a nonasymptotic theory of independence",
        "Oxford University Press",
        2013,
        "",
        "book",
    ),
    Reference(
        "clevert2016",
        "Clevert, D.-A. and Unterthiner, T. and Hochreiter, S.",
        "Fast and accurate deep network learning by exponential linear units (ELUs)",
        "ICLR",
        2016,
        "1511.07289",
        "inproceedings",
    ),
    Reference(
        "davidson2001",
        "Davidson, K. R. and Szarek, S. J.",
        "Local operator theory, random matrices and Banach spaces",
        "Handbook of the Geometry of Banach Spaces, volume 1",
        2001,
    ),
    Reference(
        "dugas2001",
        "Dugas, C. and Bengio, Y. and Bélisle, F. and Nadeau, C. and Garcia, R.",
        "Incorporating second-order functional knowledge for better option pricing",
        "NIPS",
        2001,
        "",
        "inproceedings",
    ),
    Reference(
        "glorot2010",
        "Glorot, X. and Bengio, Y.",
        "Understanding the difficulty of training deep feedforward neural networks",
        "AISTATS",
        2010,
        "",
        "inproceedings",
    ),
    Reference(
        "gordon1985",
        "Gordon, Y.",
        "Some inequalities for Gaussian processes and applications",
        "Israel Journal of Mathematics",
        1985,
    ),
    Reference(
        "hanin2020",
        "Hanin, B. and Nica, M.",
        "Products of many large random matrices and gradients in deep neural networks",
        "Communications in Mathematical Physics",
        2020,
        "1812.05994",
    ),
    Reference(
        "he2015",
        "He, K. and Zhang, X. and Ren, S. and Sun, J.",
        "Delving deep into rectifiers",
        "ICCV",
        2015,
        "1502.01852",
        "inproceedings",
    ),
    Reference(
        "hendrycks2016",
        "Hendrycks, D. and Gimpel, K.",
        "Gaussian error linear units (GELUs)",
        "arXiv",
        2016,
        "1606.08415",
    ),
    Reference(
        "klambauer2017",
        "Klambauer, G. and Unterthiner, T. and Mayr, A. and Hochreiter, S.",
        "Self-normalizing neural networks",
        "NIPS",
        2017,
        "1706.02515",
        "inproceedings",
    ),
    Reference(
        "maas2013",
        "Maas, A. L. and Hannun, A. Y. and Ng, A. Y.",
        "Rectifier nonlinearities improve neural network acoustic models",
        "ICML workshop",
        2013,
        "",
        "inproceedings",
    ),
    Reference(
        "misra2019",
        "Misra, D.",
        "Mish: a self regularized non-monotonic activation function",
        "arXiv",
        2019,
        "1908.08681",
    ),
    Reference(
        "nair2010",
        "Nair, V. and Hinton, G. E.",
        "Rectified linear units improve restricted Boltzmann machines",
        "ICML",
        2010,
        "",
        "inproceedings",
    ),
    Reference(
        "pascanu2013",
        "Pascanu, R. and Mikolov, T. and Bengio, Y.",
        "On the difficulty of training recurrent neural networks",
        "ICML",
        2013,
        "1211.5063",
        "inproceedings",
    ),
    Reference(
        "pennington2017",
        "Pennington, J. and Schoenholz, S. S. and Ganguli, S.",
        "Resurrecting the sigmoid in deep learning through dynamical isometry: theory and practice",
        "NIPS",
        2017,
        "1711.04735",
        "inproceedings",
    ),
    Reference(
        "poole2016",
        "Poole, B. and Lahiri, S. and Raghu, M. and Sohl-Dickstein, J. and Ganguli, S.",
        "Exponential expressivity in deep neural networks through transient chaos",
        "NIPS",
        2016,
        "1606.05340",
        "inproceedings",
    ),
    Reference(
        "ramachandran2017",
        "Ramachandran, P. and Zoph, B. and Le, Q. V.",
        "Searching for activation functions",
        "arXiv",
        2017,
        "1710.05941",
    ),
    Reference(
        "schoenholz2017",
        "Schoenholz, S. S. and Gilmer, J. and Ganguli, S. and Sohl-Dickstein, J.",
        "Deep information propagation",
        "ICLR",
        2017,
        "1611.01232",
        "inproceedings",
    ),
    Reference(
        "sitzmann2020",
        "Sitzmann, V. and Martel, J. N. P. and Bergman, A. W. and Lindell, D. B. and Wetzstein, G.",
        "Implicit neural representations with periodic activation functions",
        "NeurIPS",
        2020,
        "2006.09661",
        "inproceedings",
    ),
)

REFERENCES: dict[str, Reference] = {r.key: r for r in _ROWS}
