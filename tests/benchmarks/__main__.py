"""``make bench``: what a hunt costs. ``make bench-pages`` measures what the web pages cost the hunts."""

from tests.benchmarks import hunt_speed

if __name__ == "__main__":
    hunt_speed.main()
