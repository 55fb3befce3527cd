"""Print every benchmark's figures."""

from benchmarks import activations, engine

if __name__ == "__main__":
    for part in (engine, activations):
        part.main()
        print()
