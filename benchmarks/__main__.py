"""Print every benchmark's figures."""

from benchmarks import activations, engine, spectra

if __name__ == "__main__":
    for part in (engine, activations, spectra):
        part.main()
        print()
