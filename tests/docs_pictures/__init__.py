"""The pictures in docs/pictures, taken from a real run: `python -m tests.docs_pictures`."""
