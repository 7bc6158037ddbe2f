//! The formats: what each file is.
