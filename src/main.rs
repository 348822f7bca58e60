//! Maps results to exit codes and nothing else.

fn main() {}
