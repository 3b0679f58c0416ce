"""``make bench``."""

from tests.benchmarks.hunt_speed import main

if __name__ == "__main__":
    main()
