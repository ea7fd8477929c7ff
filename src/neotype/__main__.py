"""`python -m neotype` is the `neotype` command."""

from neotype.cli import main

if __name__ == "__main__":
    main()
