"""The migrations of the database; where fshunt is installed, the package fshunt.migrations."""
