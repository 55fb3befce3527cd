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
        "anderson1955",
        "Anderson, T. W.",
        "The integral of a symmetric unimodal function over a symmetric convex set and some probability inequalities",
        "Proceedings of the American Mathematical Society",
        1955,
    ),
    Reference(
        "barron2017",
        "Barron, J. T.",
        "Continuously differentiable exponential linear units",
        "arXiv",
        2017,
        "1704.07483",
    ),
    Reference(
        "barron2021",
        "Barron, J. T.",
        "Squareplus: a softplus-like algebraic rectifier",
        "arXiv",
        2021,
        "2112.11687",
    ),
    Reference(
        "bartlett1933",
        "Bartlett, M. S.",
        "On the theory of statistical regression",
        "Proceedings of the Royal Society of Edinburgh",
        1933,
    ),
    Reference(
        "berger1982",
        "Berger, R. L.",
        "Multiparameter hypothesis testing and acceptance sampling",
        "Technometrics",
        1982,
    ),
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
        "broomhead1988",
        "Broomhead, D. S. and Lowe, D.",
        "Multivariable functional interpolation and adaptive networks",
        "Complex Systems",
        1988,
    ),
    Reference(
        "carlile2017",
        "Carlile, B. and Delamarter, G. and Kinney, P. and Marti, A. and Whitney, B.",
        "Improving deep learning by inverse square root linear units (ISRLUs)",
        "arXiv",
        2017,
        "1710.09967",
    ),
    Reference(
        "chen2005",
        "Chen, Z. and Dongarra, J. J.",
        "Condition numbers of Gaussian random matrices",
        "SIAM Journal on Matrix Analysis and Applications",
        2005,
        "0810.0800",
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
        "collobert2004",
        "Collobert, R.",
        "Large scale machine learning",
        "PhD thesis, Université Paris VI",
        2004,
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
        "edelman1988",
        "Edelman, A.",
        "Eigenvalues and condition numbers of random matrices",
        "SIAM Journal on Matrix Analysis and Applications",
        1988,
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
        "howard2019",
        "Howard, A. and Sandler, M. and Chu, G. and Chen, L.-C. and Chen, B. and Tan, M. and Wang, W. and Zhu, Y. and "
        "Pang, R. and Vasudevan, V. and Le, Q. V. and Adam, H.",
        "Searching for MobileNetV3",
        "ICCV",
        2019,
        "1905.02244",
        "inproceedings",
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
        "krizhevsky2010",
        "Krizhevsky, A.",
        "Convolutional deep belief networks on CIFAR-10",
        "unpublished manuscript",
        2010,
    ),
    Reference(
        "laurent2000",
        "Laurent, B. and Massart, P.",
        "Adaptive estimation of a quadratic functional by model selection",
        "Annals of Statistics",
        2000,
    ),
    Reference(
        "lecun1998",
        "LeCun, Y. and Bottou, L. and Orr, G. B. and Müller, K.-R.",
        "Efficient BackProp",
        "Neural Networks: Tricks of the Trade",
        1998,
        "",
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
        "maurer2003",
        "Maurer, A.",
        "A bound on the deviation probability for sums of non-negative random variables",
        "Journal of Inequalities in Pure and Applied Mathematics",
        2003,
    ),
    Reference(
        "mcculloch1943",
        "McCulloch, W. S. and Pitts, W.",
        "A logical calculus of the ideas immanent in nervous activity",
        "Bulletin of Mathematical Biophysics",
        1943,
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
        "pastur2020",
        "Pastur, L.",
        "On random matrices arising in deep neural networks: Gaussian case",
        "arXiv",
        2020,
        "2001.06188",
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
        "rahimi2007",
        "Rahimi, A. and Recht, B.",
        "Random features for large-scale kernel machines",
        "NIPS",
        2007,
        "",
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
        "sankar2006",
        "Sankar, A. and Spielman, D. A. and Teng, S.-H.",
        "Smoothed analysis of the condition numbers and growth factors of matrices",
        "SIAM Journal on Matrix Analysis and Applications",
        2006,
        "cs/0310022",
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
        "schuirmann1987",
        "Schuirmann, D. J.",
        "A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of "
        "average bioavailability",
        "Journal of Pharmacokinetics and Biopharmaceutics",
        1987,
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
    Reference(
        "so2021",
        "So, D. R. and Mańke, W. and Liu, H. and Dai, Z. and Shazeer, N. and Le, Q. V.",
        "Primer: searching for efficient transformers for language modeling",
        "NeurIPS",
        2021,
        "2109.08668",
        "inproceedings",
    ),
    Reference(
        "trefethen2008",
        "Trefethen, L. N.",
        "Is Gauss quadrature better than Clenshaw-Curtis?",
        "SIAM Review",
        2008,
    ),
    Reference(
        "ville1939",
        "Ville, J.",
        "Étude critique de la notion de collectif",
        "Gauthier-Villars",
        1939,
        "",
        "book",
    ),
    Reference(
        "xu2015",
        "Xu, B. and Wang, N. and Chen, T. and Li, M.",
        "Empirical evaluation of rectified activations in convolutional network",
        "arXiv",
        2015,
        "1505.00853",
    ),
    Reference(
        "yang2019",
        "Yang, G. and Pennington, J. and Rao, V. and Sohl-Dickstein, J. and Schoenholz, S. S.",
        "A mean field theory of batch normalization",
        "ICLR",
        2019,
        "1902.08129",
        "inproceedings",
    ),
    Reference(
        "zhang2022",
        "Zhang, G. and Botev, A. and Martens, J.",
        "Deep learning without shortcuts: shaping the kernel with tailored rectifiers",
        "ICLR",
        2022,
        "2203.08120",
        "inproceedings",
    ),
    Reference(
        "ziyin2020",
        "Ziyin, L. and Hartwig, T. and Ueda, M.",
        "Neural networks fail to learn periodic functions and how to fix it",
        "NeurIPS",
        2020,
        "2006.08195",
        "inproceedings",
    ),
)

REFERENCES: dict[str, Reference] = {r.key: r for r in _ROWS}
