"""``make bench``: what a hunt costs, and what the web pages cost the hunts. Arguments are those of the first."""

from tests.benchmarks import beside_pages, hunt_speed

if __name__ == "__main__":
    hunt_speed.main()
    print("\nSet-up delay of hunts beside a busy web process", flush=True)
    beside_pages.main([])
