"""The REST interface for programs, ``/api/v1``: the same services and rights as the pages and the command line."""
