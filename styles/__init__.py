"""The stylesheets, shipped as a package so that they are found in an installed wheel too."""
