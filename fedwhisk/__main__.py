"""`python -m fedwhisk` is the `fedwhisk` command."""

from fedwhisk.cli import main

if __name__ == "__main__":
    main()
