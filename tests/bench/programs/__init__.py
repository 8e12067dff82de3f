"""What is measured, each a program of its own: `python -m tests.bench.programs.NAME '{"argument": …}'` prints JSON."""
