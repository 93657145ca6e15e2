"""``python -m tv2sim`` is the command ``tv2sim``."""

try:
    from tv2sim.cli import main

    status = main()
except KeyboardInterrupt:
    status = 130
raise SystemExit(status)
