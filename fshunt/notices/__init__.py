"""The rules of notices: what is told of a group, when, in which words, and to whom; no socket, clock or database."""
