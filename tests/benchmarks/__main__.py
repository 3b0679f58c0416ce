"""``make bench``."""

from tests.benchmarks.hunts import main

if __name__ == "__main__":
    main()
