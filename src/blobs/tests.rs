//! Objects in a folder: what comes back, what is refused, what a URL opens.
